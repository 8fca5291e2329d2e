from leadagent_prefect import Observer


class MetricsCollector(Observer):
    def __init__(self):
        self.metrics = {}

    async def update(self, subject, event_type: str, data: any):
        if event_type == "task_completed":
            self.metrics[data.name] = data.execution_time
        # Add custom metric collection logic
