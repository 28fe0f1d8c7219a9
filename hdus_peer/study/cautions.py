"""What is odd about a plan that can be done, said before it is; and what cannot be, in its first second.

Rule: every architecture of the plan is built once, so that a wrong name or shape ends a study before it began.
"""

from hdus_peer.learning.architectures import build, parameter_count
from hdus_peer.study.plan import OWN, Plan
from hdus_peer.study.setting import task_of


def cautions(plan: Plan) -> list[str]:
    """One sentence for each oddity. Raises ConfigurationError for what cannot be built."""
    task = task_of(plan.data.task)
    systems = [getattr(plan.systems, name) for name in type(plan.systems).model_fields]
    named = {main for section in systems if section for main in section.mains if main != OWN}
    counts = {
        name: parameter_count(build(name, task.shape, len(task.classes)))
        for name in sorted({plan.seed_model, *plan.mains, *named})
    }
    seed = counts[plan.seed_model]
    return [
        f"The seed model {plan.seed_model} ({seed:,} parameters) is larger than the main model {main} "
        f"({counts[main]:,}): what the others hold costs more than what the peer trained."
        for main in dict.fromkeys(plan.mains)
        if counts[main] < seed
    ]
