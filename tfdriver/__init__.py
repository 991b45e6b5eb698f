"""tfdriver connects two AWS accounts through IAM roles that name each other.

Read this first. What flows through the program, and where each stage lives:

1. `spec`          tfdriver.yaml -> `Spec`: accounts, roles, who trusts whom. Bad input ends here.
2. `compositions`  `Spec` -> `Composition`s: one Terraform root and state per account and side.
3. `observe`       asks AWS (through `aws`, the one door to boto3) what is trusted now -> `TrustState` per role.
4. `decide`        `TrustState` -> the trust document of each role in each phase. Pure: "never loosen".
5. `render`        `Composition` + `templates/` -> the text of each file; `folder` writes, `package` zips.
6. `driver`        runs the phases: write values, apply (`terraform` is the one door), check with AWS.
7. `commands`      one file per command: stages 1 to 6 strung together, returning a value.
8. `cli`, `console`  options in, text or JSON out. What happens meanwhile: `telling` says to whom, `progress` shows it.

Beside that: `adopt` and `recover` take up what a crash left; `place` refuses states of other accounts; `verify` proves
by real calls who gets in; `timeline` records who was trusted when; `lint` looks for dangerous policies, `analyzer` asks
AWS about them; `explain`, `graph`, `report` and `operator_policy` tell people; `schema` tells programs. `evaluator`
decides as IAM does, for `explain` and for the sandbox; `policy_document` reads what all of these look at.

`sandbox` is a local, two-account AWS for all of this to run against.
`operator_policy` says what the operator must be allowed to do for all of this.
"""

__version__ = "0.1.0"
