"""Workflow -> Plan: every step with its agent, dependencies, delays and timeouts. Pure; nothing is called.

The engine runs a plan, the emitter writes one down, ``leadagent plan`` and ``graph`` show it: all three
see the same steps.
"""

from leadagent_prefect.plan.building import build, plan_of
from leadagent_prefect.plan.planned import Plan
from leadagent_prefect.steps import Body, Loop, Step, on_one_line

__all__ = ["Body", "Loop", "Plan", "Step", "build", "on_one_line", "plan_of"]
