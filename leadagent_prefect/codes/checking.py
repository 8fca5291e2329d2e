"""The codes of what the parts of a workflow are together."""

from __future__ import annotations

from leadagent_prefect.codes.row import Code

ROWS = (
    Code(
        "cached-write",
        "A task that changes something is answered from a cache",
        "Within its `ttl` an equal call is not made again: what it would create, change or delete is not. "
        "That is said of the HTTP methods PUT, PATCH and DELETE, and of every task with `compensate`. Take "
        "`cache` out; it is for calls that only read.",
        "warning",
    ),
    Code(
        "computed-reference",
        "A computed name where names are written out",
        "What a run reads of `tasks`, `secrets`, `env` and `vars` is known before it starts, so that a "
        "missing secret is found before the first call and tasks start in the right order. Write the "
        "name: `tasks.fetch.result`, `secrets.TOKEN`.",
    ),
    Code(
        "conflicting-keys",
        "Keys that exclude each other",
        "Two keys say the same thing in two ways, and one of them would be ignored. Keep one.",
    ),
    Code(
        "delay-above-max",
        "The first delay is longer than the longest",
        "No delay is longer than `max_delay`, so `initial_delay` never comes about and every retry waits "
        "for `max_delay`. Raise `max_delay` or lower `initial_delay`.",
        "warning",
    ),
    Code(
        "dependency-cycle",
        "Tasks that wait for each other",
        "None of them could ever start. The message has the whole path; each task waits for the next, by "
        "`depends_on` or because its parameters, or the tasks in it, read the other's result. Take one of "
        "the dependencies out.",
    ),
    Code(
        "differing-limits",
        "Agents of one service with different limits",
        "`max_concurrency` and `rate_limit` belong to the service, which is told by type and origin: agents "
        "of one service share them, and the lowest holds. Give all of them the same.",
        "warning",
    ),
    Code(
        "duplicate-dependency",
        "A dependency named twice",
        "It changes nothing, but something else was probably meant.",
        "warning",
    ),
    Code(
        "duplicate-name",
        "Two agents or tasks of one name",
        "Names are unique, also after Unicode normalization (NFKC), and in Prefect, where `/ % & < >` "
        "become `-`. A task within another has a name that none beside or around it has: it reads them by "
        "name. Rename one of them.",
    ),
    Code(
        "exclusive-branches",
        "A task that waits for branches of which only one runs",
        "Two tasks have conditions that exclude each other, so one of them is always skipped; a task whose "
        "trigger rule is `all_success`, the default, is then skipped too, every time. With "
        "`trigger_rule: none_failed` it runs after whichever branch did.",
        "warning",
    ),
    Code(
        "invalid-condition",
        "A condition that is no expression",
        '`when` is true or false by the value of one expression, `when: "{{ inputs.deep }}"`. Text around an '
        "expression, or none at all, makes it a text, and every text but an empty one is true.",
    ),
    Code(
        "invalid-default",
        "A value that does not fit its input",
        "The default of an input, or the value that a schedule or the task around a sub-workflow gives it, "
        "is held to the type and the schema of the input, so that no run begins with a wrong one.",
    ),
    Code(
        "invalid-endpoint",
        "Not an address an agent can call",
        "`http_api` and `ai_agent` want an http or https URL; `mcp_server` that too, `sse+https://...`, "
        "or `stdio:COMMAND ARG...`.",
    ),
    Code(
        "invalid-header",
        "Not a header that can be sent",
        "A header's name is made of letters, digits and hyphens, its value of one line of ASCII. Headers "
        "of the connection itself (Host, Content-Length, ...) are set by the client.",
    ),
    Code(
        "invalid-input-name",
        "Not a name for an input",
        "Inputs become parameters of the Prefect flow: a letter first, then letters, digits and "
        "underscores, and no word of Python.",
    ),
    Code(
        "invalid-loop",
        "A map over nothing, or with keys that are none",
        "`for_each` goes over a list or a mapping: written out, or the value of one expression. `as` names "
        "the item in templates, and `key` is an expression that differs from item to item.",
    ),
    Code(
        "invalid-schedule",
        "Not a schedule",
        "A schedule has exactly one of `cron` (five or six fields), `interval` and `rrule` (with `FREQ=`).",
    ),
    Code(
        "invalid-schema",
        "Not a JSON Schema",
        "`output_schema`, and the keywords of an input, are JSON Schema (draft 2020-12). A `$ref` points "
        "within the schema: nothing is fetched.",
    ),
    Code(
        "leaves-origin",
        "A request to another origin than the agent's",
        "The agent's credentials would travel there. Define another agent for the other service, or give "
        "the path alone.",
    ),
    Code(
        "literal-credential",
        "A credential in the file",
        "Files are committed, shared and logged. Put the value into a Prefect Secret block or an "
        "environment variable, and write `{{ secrets.NAME }}`. `run` takes a literal, `compile` and "
        "`deploy` refuse it.",
        "warning",
    ),
    Code(
        "many-attempts",
        "Very many attempts",
        "A service that is down is called that often before the task fails. Usually fewer attempts with "
        "longer delays are meant.",
        "warning",
    ),
    Code(
        "min-success-too-high",
        "min_success can't be reached",
        "It counts completed tasks, so it is at most their number.",
    ),
    Code(
        "min-success-unused",
        "min_success has no effect",
        "Only `failure_strategy: partial_completion_allowed` looks at it.",
        "warning",
    ),
    Code(
        "missing-input",
        "An input without a value",
        "Nobody is there to give it when a scheduled run, or a sub-workflow, starts. Give it under `inputs` "
        "of the schedule or the task, or give the input a default.",
    ),
    Code(
        "name-not-here",
        "A name of templates that is not for this place",
        "Agents see `inputs`, `env`, `secrets` and `vars`; tasks also `tasks`, `run` and `workflow`, items "
        "where they have `for_each` or stand in a task that has, `previous` with `repeat`, and in `until` "
        "and `compensate` their own `result`. What is stored in clear sees no secrets: outputs, conditions, "
        "the inputs of a sub-workflow.",
    ),
    Code(
        "not-portable",
        "An agent that no other process can make",
        "Its class was registered, or defined, in one running program, and a compiled flow runs in others. "
        "Put the class into a module beside the workflow file, or into a package, and name it in "
        '`custom_params.class: "module:ClassName"`.',
    ),
    Code(
        "rule-without-dependencies",
        "A trigger rule with nothing to look at",
        "A `trigger_rule` is about how the tasks have ended that a task waits for. This one waits for none.",
    ),
    Code(
        "template-not-allowed",
        "Template syntax that is not allowed",
        "Templates are Jinja2 expressions over plain data: names, members, items, comparisons, arithmetic "
        "on numbers and the filters and tests of the language. There are no calls, no `**`, no tuples.",
    ),
    Code(
        "template-not-here",
        "A template where none is evaluated",
        "It would be taken as it is written. Templates are evaluated in `parameters`, `inputs`, conditions, "
        "`outputs` and the strings of agents.",
    ),
    Code(
        "template-syntax",
        "Not an expression",
        "What stands between `{{` and `}}` is no Jinja2 expression. A literal brace pair is written `{{ "
        "'{{' }}`.",
    ),
    Code(
        "too-many-templates",
        "Too many templates",
        "At most 20,000 strings with templates in one file: each is parsed before anything runs. Let tasks "
        "share what is the same.",
    ),
    Code(
        "unknown-agent",
        "An agent that is not defined",
        "Define it under `agents`, or correct the name.",
    ),
    Code(
        "unknown-agent-type",
        "An agent type that is not known",
        "Types are `ai_agent`, `mcp_server`, `http_api`, `custom` with `custom_params.class`, those "
        "registered with `AgentFactory.register_agent_type` in this process, and entry points in the "
        "group `leadagent_prefect.agents`.",
    ),
    Code(
        "unknown-field",
        "A member that is not there",
        "A task has `result`, `status`, `error`, `error_class`, `metadata` and `errors`; `run` has `id`, "
        "`name` and `started_at`, and in `on_failure` and `finally` also `status`, `error` and "
        "`failed_tasks`; `workflow` has `name` and `version`.",
    ),
    Code(
        "unknown-filter",
        "A filter that is not there",
        "Templates have a fixed list of filters, most of them Jinja2's.",
    ),
    Code(
        "unknown-input",
        "An input that is not defined",
        "Define it under `inputs`, or correct the name.",
    ),
    Code(
        "unknown-name",
        "A name that templates do not have",
        "Templates begin with `inputs`, `tasks`, `env`, `secrets`, `vars`, `run` or `workflow`. Text "
        "stands in quotes.",
    ),
    Code(
        "unknown-param",
        "A parameter that the agent does not know",
        "Built-in agents refuse keys that they would ignore. Custom agents take any.",
    ),
    Code(
        "unknown-task",
        "A task that is not defined, or not seen from here",
        "Define it under `tasks`, or correct the name. Tasks within a task are seen by one another alone, as "
        "are those of `on_failure` and of `finally`: what stands in a task is read as its result. "
        "`depends_on` names tasks beside the one that has it.",
    ),
    Code(
        "unknown-test",
        "A test that is not there",
        "After `is`, and in `select` and its like, stand `defined`, `none`, `string`, `number`, `mapping` "
        "or `in`.",
    ),
    Code(
        "unknown-timezone",
        "A time zone that is not known",
        "Names are those of the IANA database, such as `Europe/Berlin` or `UTC`.",
    ),
    Code(
        "unused-agent",
        "An agent that no task calls",
        "Nothing is wrong with it, but a task may name another one than was meant.",
        "warning",
    ),
    Code(
        "wrong-agent-type",
        "A key that is for another type of agent",
        "`accept_status` is about HTTP answers: only `http_api` tasks have them.",
    ),
    Code(
        "wrong-task-kind",
        "A key that is for another kind of task",
        "A task with `value`, `wait`, `fail` or `finish` calls nobody: there is nothing that could be tried "
        "again or time out. It takes `depends_on`, `when`, `trigger_rule` and `for_each`. `inputs` are of "
        "`workflow`, `outputs` of `tasks`. What runs when all else has ended has nothing to finish, and is "
        "not undone.",
    ),
)
