"""tfdriver connects two AWS accounts through IAM roles that name each other.

The packages, from the top down. Each imports only from those below it; `make check` verifies that.

`cli`        The commands: one file each, with options and text. `main` turns errors into messages and exit codes.
`sandbox`    A local AWS that enforces IAM. `dispatch` handles a call; moto stores the resources (`backend`).
`inspect`    Commands that change nothing: `status`, `explain`, `graph`, `report`, `policy`.
`verify`     Proves access by real calls: `attempts` lists the calls, `checks` makes them, `judge` compares the results.
`deploy`     The phases. `session` opens a project, `phases` applies it; `up`, `tighten`, `destroy` are the commands.
`project`    A project on disk. `render` writes compositions from templates, `workspace` holds them and their states.
`terraform`  Runs Terraform: `runner` is the only way to start it; `events`, `state` and `state_lock` read its output.
             `provider_hosts` runs a command with the provider proxy (`provider_host`, `provider_proxy`).
`aws`        Calls AWS. `client` is the only importer of boto3, `observe` reads every role, `consistency` waits for IAM.
`iam`        IAM policies, without I/O. `trust` builds trust policies; `trust_state` decides which one a role gets and
             never widens an exact one; `evaluator` decides as IAM does, for `explain` and the sandbox.
`spec`       tfdriver.yaml. `load` returns a checked `Spec` (`model`); `compositions` splits it into Terraform roots.

Below the packages, modules that all of them use: `errors`, `files`, `redaction`, `waiting`, `concurrency`, `clock` and
`interrupts`.
"""

__version__ = "0.1.0"
