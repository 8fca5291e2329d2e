from leadagent_prefect import LeadAgent, Observer


class WorkflowMonitor(Observer):
    async def update(self, subject, event_type: str, data: any):
        if event_type == "task_completed":
            print(f"Task {data.name} completed successfully")
        elif event_type == "task_failed":
            print(f"Task {data.name} failed: {data.error}")


# Attach monitor to workflow engine
agent = LeadAgent()
monitor = WorkflowMonitor()
agent.attach(monitor)
