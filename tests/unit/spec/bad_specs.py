"""Common mistakes in tfdriver.yaml and the errors that report them. Read it as documentation.

LINES: each replaces a line of the valid spec (`project.GOOD`); the message begins with `tfdriver.yaml:` and the place,
and contains all of the words. FILES: each is a whole file.
"""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """A replaced line of the valid spec. where: the place after `tfdriver.yaml:` in the message."""

    kind: str
    number: int
    written: str
    where: str
    words: tuple[str, ...]


class File(NamedTuple):
    """A whole tfdriver.yaml. where: the place in the message."""

    kind: str
    written: str | bytes
    where: str
    words: tuple[str, ...]


ID = "5: accounts.store.id"
ROLE = "11: roles.writer"
TRUSTS = "15: roles.writer.trusts"
FIRST_TRUST = "15: roles.writer.trusts[0]"
THIRD = "  third: {account: store, module: table, variables: {table_name: T}, trusts: "
BAR = "  bar: {account: app, module: function, trusts: [writer]}"

FILES = [
    File("empty", "", "tfdriver.yaml", ("empty", "tfdriver init")),
    File("comments only", "# to do\n", "tfdriver.yaml:1", ("must be a mapping", "nothing")),
    File("binary", b"\x7fELF\x00\x01", "tfdriver.yaml", ("binary", "UTF-8")),
    File("UTF-16", "version: 1".encode("utf-16"), "tfdriver.yaml", ("UTF-16", "UTF-8")),
    File("Latin-1", "version: 1\nproject: Köln\n".encode("latin-1"), "tfdriver.yaml:2", ("not UTF-8", "Save it")),
    File("control character", "version: 1\nproject: a\x07b\n", "tfdriver.yaml:2", ("U+0007", "Delete it")),
    File("odd line break", 'version: 1\nproject: "a\u2028b"\n', "tfdriver.yaml:2", ("U+2028", "\\u2028", "Delete it")),
    File("huge", "# " + "x" * 300_000, "tfdriver.yaml", ("256 KiB", "your spec")),
    File("a list", "- version: 1\n", "tfdriver.yaml:1", ("must be a mapping", "a list", "accounts")),
    File("text", "hello\n", "tfdriver.yaml:1", ("must be a mapping", '"hello"', "accounts")),
    File("two documents", "version: 1\n---\nversion: 1\n", "tfdriver.yaml:2", ("second document", "---")),
    File("tab", "version: 1\naccounts:\n\tstore: {}\n", "tfdriver.yaml:3:1", ("tab", "spaces")),
    File("bracket left open", "version: 1\naccounts: {store: {id: 1\n", "tfdriver.yaml:3:1", ("not YAML", "Check")),
    File("two colons", "version: 1\nproject: a: b\n", "tfdriver.yaml:2:11", ("not YAML", "not allowed", "Check")),
    File("quote left open", 'version: 1\nproject: "a\n', "tfdriver.yaml:3:1", ("not YAML", "quoted scalar", "Check")),
    File("wrong indentation", "version: 1\n  project: a\n", "tfdriver.yaml:2:10", ("not YAML", "not allowed", "Check")),
    File("unquoted %", "version: 1\nproject: %a\n", "tfdriver.yaml:2:10", ("not YAML", "quote text", "%")),
    File("python object", "version: !!python/object:os.system {}\n", "tfdriver.yaml:1: version", ("!!python", "plain")),
    File("tag of one's own", "version: !env V\n", "tfdriver.yaml:1: version", ("tag !env", "Leave it out")),
    File(
        "alias bomb",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)),
        "tfdriver.yaml:5: e[0]",
        ("20000 values", "aliases", "your spec"),
    ),
    File(
        "alias of itself", "version: &v [*v]\n", "tfdriver.yaml:1: version[0]", ("part of the value", "Write the value")
    ),
    File("alias without an anchor", "version: *v\n", "tfdriver.yaml:1: version", ("no anchor &v", "Quote")),
    File("merge key", "a: &a {x: y}\nb:\n  <<: *a\n", "tfdriver.yaml:3: b", ("<<", "Write the keys out")),
    File("deep", "version: " + "[" * 500 + "]" * 500, "tfdriver.yaml:1: version" + "[0]" * 23, ("24 levels", "Nest")),
    File("key that is a list", "[a]: b\n", "tfdriver.yaml:1", ("a key must be text", "Quote")),
    File(
        "key twice",
        "version: 1\nproject: a\nversion: 2\n",
        "tfdriver.yaml:3",
        ("version is given twice", "1 and 3", "Keep one"),
    ),
    File("surrogate", 'version: "\\ud800"\n', "tfdriver.yaml:1: version", ("surrogate", "character itself")),
    File("infinite number", "version: .inf\n", "tfdriver.yaml:1: version", (".inf", "JSON", "Quote it")),
    File("endless number", "version: " + "9" * 5000, "tfdriver.yaml:1: version", ("5000 characters", "Quote it")),
    File("only a version", "version: 1\n", "tfdriver.yaml:1: accounts", ("missing", "Add")),
]

LINES = [
    # version and project
    Line("no version", 1, "", "1: version", ("missing", "version: 1")),
    Line("version of the future", 1, "version: 2", "1: version", ("number 2", "reads version 1")),
    Line("version in quotes", 1, 'version: "1"', "1: version", ("text", "without quotes")),
    Line("version as a fraction", 1, "version: 1.0", "1: version", ("1.0", "version: 1")),
    Line("version true", 1, "version: true", "1: version", ("bool true", "version 1")),
    Line("version a list", 1, "version: [1]", "1: version", ("a list", "version 1")),
    Line("project a number", 2, "project: 2024", "2: project", ("number 2024", 'Quote it: "2024"')),
    Line("project null", 2, "project:", "2: project", ("no value", "leave the key out")),
    Line("project empty", 2, 'project: ""', "2: project", ("empty", "letter")),
    Line("project no tag", 2, "project: a#b", "2: project", ('"#"', "letters, digits")),
    Line("project placeholder", 2, "project: ${NAME}", "2: project", ("placeholder", "environment")),
    Line("project too long", 2, f"project: {'x' * 257}", "2: project", ("257", "256")),
    Line("project of AWS", 2, "project: aws:shop", "2: project", ("aws:", "something else")),
    # keys
    Line("unknown key", 2, "projekt: shop", "2: projekt", ("unknown key projekt", "Did you mean project?")),
    Line(
        "unknown key, nothing near", 2, "colour: red", "2: colour", ("unknown key", "version, project, accounts, roles")
    ),
    Line(
        "misspelt key of an account", 6, "    regoin: us-west-2", "6: accounts.store.regoin", ("Did you mean region?",)
    ),
    Line("misspelt key of a role", 15, "    trust: [worker]", "15: roles.writer.trust", ("Did you mean trusts?",)),
    Line(
        "key of an account on a role",
        13,
        "    module: table\n    region: x",
        "14: roles.writer.region",
        ("unknown", "account, module"),
    ),
    Line(
        "key in other case", 12, "    Account: store", "12: roles.writer.Account", ("unknown", "Did you mean account?")
    ),
    Line("key twice", 6, '    id: "333333333333"', "6: accounts.store", ("accounts.store.id", "5 and 6", "Keep one")),
    Line("role twice", 16, "  writer:", "16: roles", ("roles.writer is given twice", "11 and 16", "Keep one")),
    Line("accounts a list", 3, "accounts: []\nx:", "3: accounts", ("must be a mapping", "a list", "as a mapping")),
    Line("accounts empty", 3, "accounts: {}\nx:", "3: accounts", ("empty", "Name one")),
    Line("roles null", 10, "roles:\nx:", "10: roles", ("no value", "Add `roles:`")),
    Line("account null", 4, "  spare:\n  store:", "4: accounts.spare", ("no value", "mapping")),
    Line(
        "account just an id", 4, '  spare: "333333333333"\n  store:', "4: accounts.spare", ("must be a mapping", "text")
    ),
    Line("account's name a path", 4, "  ../etc:", '4: accounts."../etc"', ("cannot be a name", "letters, digits")),
    Line(
        "account's name with a space",
        4,
        "  my store:",
        '4: accounts."my store"',
        ("cannot be a name", "letters, digits"),
    ),
    Line(
        "account's name a placeholder", 4, "  ${STORE}:", '4: accounts."${STORE}"', ("placeholder", "Write the value")
    ),
    Line("account's name empty", 4, '  "":', '4: accounts.""', ("empty", "letters, digits")),
    Line(
        "account's name too long", 4, f"  {'a' * 65}:", f'4: accounts."{"a" * 57}..."', ("65 characters", "at most 64")
    ),
    Line(
        "role's key with a dot",
        11,
        "  writer.role:",
        '11: roles."writer.role"',
        ("cannot be a name", "letters, digits"),
    ),
    Line("role's key a number", 11, "  1writer:", "11: roles.1writer", ("cannot be a name", "beginning with a letter")),
    Line("role's key code", 11, '  "${file(1)}":', '11: roles."${file(1)}"', ("placeholder", "Write the value")),
    Line("role's key a template", 11, '  "{{7*7}}":', '11: roles."{{7*7}}"', ("cannot be a name", "letters, digits")),
    Line("role's key two lines", 11, '  "a\\nb":', '11: roles."a\\nb"', ("cannot be a name", "letters, digits")),
    # account ids
    Line("no id", 5, "    profile: p", "4: accounts.store.id", ("missing", '"111111111111"')),
    Line("id unquoted", 5, "    id: 111111111111", ID, ("number", 'Quote it: "111111111111"')),
    Line("id unquoted with a zero", 5, "    id: 012345678901", ID, ("number", 'Quote it: "012345678901"')),
    Line("id unquoted, octal", 5, "    id: 012345670123", ID, ("number", 'Quote it: "012345670123"')),
    Line("id that lost its zero", 5, "    id: 12345678901", ID, ("number", "all 12 digits")),
    Line("id of 11 digits", 5, '    id: "11111111111"', ID, ("11 digits", "zeros")),
    Line("id of 13 digits", 5, '    id: "1111111111111"', ID, ("13 digits", "12 digits")),
    Line("id with dashes", 5, '    id: "1111-1111-1111"', ID, ("more than digits", 'Write "111111111111"')),
    Line("id with spaces", 5, '    id: "1111 1111 1111"', ID, ("more than digits", 'Write "111111111111"')),
    Line("id with a newline", 5, '    id: "111111111111\\n"', ID, ("\\n", 'Write "111111111111"')),
    Line("id with a letter", 5, '    id: "11111111111O"', ID, ("not 12 digits", "alias")),
    Line(
        "id in other digits",
        5,
        '    id: "\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661"',
        ID,
        ("not 12 digits", '"111111111111"'),
    ),
    Line("id an alias", 5, "    id: my-company", ID, ("not 12 digits", "alias")),
    Line("id empty", 5, '    id: ""', ID, ("empty", "12 digits")),
    Line("id null", 5, "    id:", ID, ("no value", "12 digits")),
    Line("id an ARN", 5, "    id: arn:aws:iam::333333333333:root", ID, ("ARN", 'Write "333333333333"')),
    Line("id a placeholder", 5, "    id: ${ACCOUNT}", ID, ("placeholder", "environment")),
    Line("id a list", 5, "    id: [1]", ID, ("must be text", "a list")),
    Line("same id twice", 8, '    id: "111111111111"', "8: accounts.app.id", ("also the id of store", "one key")),
    # profiles and regions
    Line(
        "profile empty",
        5,
        '    id: "111111111111"\n    profile: ""',
        "6: accounts.store.profile",
        ("empty", "Leave `profile:` out"),
    ),
    Line(
        "profile no",
        5,
        '    id: "111111111111"\n    profile: no',
        "6: accounts.store.profile",
        ("bool false", "Quote it", "no, on"),
    ),
    Line(
        "profile a placeholder",
        5,
        '    id: "111111111111"\n    profile: ${P}',
        "6: accounts.store.profile",
        ("placeholder", "environment"),
    ),
    Line(
        "profile two lines",
        5,
        '    id: "111111111111"\n    profile: "a\\nb"',
        "6: accounts.store.profile",
        ("\\n", "~/.aws/config"),
    ),
    Line(
        "profile with brackets",
        5,
        '    id: "111111111111"\n    profile: "a]"',
        "6: accounts.store.profile",
        ("a]", "~/.aws/config"),
    ),
    Line("region unknown", 6, "    region: us-nowhere-9", "6: accounts.store.region", ("no region", "us-nowhere-9")),
    Line(
        "region misspelt",
        6,
        "    region: us-west2",
        "6: accounts.store.region",
        ("no region", "Did you mean us-west-2?"),
    ),
    Line(
        "region in capitals", 6, "    region: US-WEST-2", "6: accounts.store.region", ("US-WEST-2", "Write us-west-2")
    ),
    Line("region empty", 6, '    region: ""', "6: accounts.store.region", ("empty", "profile's")),
    Line("region a zone", 6, "    region: us-west-2a", "6: accounts.store.region", ("no region", "us-west-2?")),
    Line(
        "region nowhere",
        6,
        "    profile: without",
        "4: accounts.store",
        ("no region", "profile without", "aws configure"),
    ),
    Line(
        "profile's region unknown",
        6,
        "    profile: with_odd_region",
        "4: accounts.store",
        ("mars-north-1", "with_odd_region"),
    ),
    Line(
        "region of another partition",
        6,
        "    region: cn-north-1",
        FIRST_TRUST,
        ("aws-cn", "partition", "regions of one"),
    ),
    # roles
    Line("no account", 12, "", ROLE + ".account", ("missing", "Add `account:`")),
    Line("account unknown", 12, "    account: shop", "12: roles.writer.account", ("no account", "store")),
    Line(
        "account's id for its name",
        12,
        '    account: "111111111111"',
        "12: roles.writer.account",
        ("no account", "There are store, app"),
    ),
    Line("role null", 11, "  spare:\n  writer:", "11: roles.spare", ("no value", "mapping")),
    Line(
        "role in no relation",
        11,
        "  spare: {account: app, module: function}\n  writer:",
        "11: roles.spare",
        ("trusts no role", "Add `trusts:`"),
    ),
    Line("name empty", 12, '    account: store\n    name: ""', "13: roles.writer.name", ("empty", "role's key")),
    Line(
        "name too long",
        12,
        f"    account: store\n    name: {'n' * 65}",
        "13: roles.writer.name",
        ("65 characters", "64"),
    ),
    Line(
        "name with a space",
        12,
        "    account: store\n    name: my role",
        "13: roles.writer.name",
        ("a space", "letters"),
    ),
    Line(
        "name with a slash",
        12,
        "    account: store\n    name: team/writer",
        "13: roles.writer.name",
        ("slash", "`path:`"),
    ),
    Line(
        "name climbing out",
        12,
        "    account: store\n    name: ../../etc",
        "13: roles.writer.name",
        ("slash", "`path:`"),
    ),
    Line(
        "name code",
        12,
        "    account: store\n    name: ${file(1)}",
        "13: roles.writer.name",
        ("placeholder", "environment"),
    ),
    Line("name a directive", 12, '    account: store\n    name: "%{if}"', "13: roles.writer.name", ('"%"', "letters")),
    Line("name with quotes", 12, '    account: store\n    name: a"b', "13: roles.writer.name", ('"\\""', "letters")),
    Line(
        "name two lines", 12, '    account: store\n    name: "a\\nb"', "13: roles.writer.name", ("newline", "letters")
    ),
    Line("name not ASCII", 12, "    account: store\n    name: rôle", "13: roles.writer.name", ("ô", "letters")),
    Line(
        "name a number", 12, "    account: store\n    name: 7", "13: roles.writer.name", ("number 7", 'Quote it: "7"')
    ),
    Line(
        "path without its slashes",
        12,
        "    account: store\n    path: team",
        "13: roles.writer.path",
        ("slash", "/team/"),
    ),
    Line(
        "path without its last slash",
        12,
        "    account: store\n    path: /team",
        "13: roles.writer.path",
        ("slash", "/team/"),
    ),
    Line("path empty", 12, '    account: store\n    path: ""', "13: roles.writer.path", ("slash", "/team/")),
    Line(
        "path with an empty part",
        12,
        "    account: store\n    path: /a//b/",
        "13: roles.writer.path",
        ("two slashes", "Write one"),
    ),
    Line(
        "path with a wildcard",
        12,
        "    account: store\n    path: /a*/",
        "13: roles.writer.path",
        ('"*"', "Leave it out"),
    ),
    Line(
        "path with a variable",
        12,
        "    account: store\n    path: /${a}/",
        "13: roles.writer.path",
        ('"$"', "Leave it out"),
    ),
    Line("path with a space", 12, "    account: store\n    path: /a b/", "13: roles.writer.path", ("space", "/team/")),
    Line("path too long", 12, f"    account: store\n    path: /{'p' * 511}/", "13: roles.writer.path", ("513", "512")),
    # who trusts whom
    Line("trusts text", 15, "    trusts: worker", TRUSTS, ("must be a list", "Write [worker]")),
    Line("trusts null", 15, "    trusts:", TRUSTS, ("no value", "a list")),
    Line("trusts nobody", 15, "    trusts: []", TRUSTS, ("empty", "at least one")),
    Line("trusts a number", 15, "    trusts: [7]", FIRST_TRUST, ("number 7", "Quote it")),
    Line("trusts everybody", 15, '    trusts: ["*"]', FIRST_TRUST, ("wildcard", "Name each role", "worker")),
    Line("trusts a pattern", 15, '    trusts: ["work*"]', FIRST_TRUST, ("wildcard", "Name each role", "worker")),
    Line("trusts an unknown role", 15, "    trusts: [werker]", FIRST_TRUST, ("no role", "Did you mean worker?")),
    Line("trusts an account", 15, "    trusts: [app]", FIRST_TRUST, ("no role", "worker")),
    Line("trusts itself", 15, "    trusts: [writer]", FIRST_TRUST, ("itself", "another role")),
    Line("trusts twice", 15, "    trusts: [worker, worker]", "15: roles.writer.trusts[1]", ("named twice", "once")),
    Line(
        "trusts an ARN",
        15,
        '    trusts: ["arn:aws:iam::222222222222:role/worker"]',
        FIRST_TRUST,
        ("ARN", "Did you mean worker?"),
    ),
    Line(
        "trusts a user's ARN",
        15,
        '    trusts: ["arn:aws:iam::222222222222:user/ann"]',
        FIRST_TRUST,
        ('type "user"', "keys of `roles:`"),
    ),
    Line(
        "trusts a session's ARN",
        15,
        '    trusts: ["arn:aws:sts::222222222222:assumed-role/worker/x"]',
        FIRST_TRUST,
        ("ARN", "keys of `roles:`"),
    ),
    Line(
        "trusts a root",
        15,
        '    trusts: ["arn:aws:iam::222222222222:root"]',
        FIRST_TRUST,
        ("whole account", "keys of `roles:`"),
    ),
    Line(
        "trusts an ARN in an unknown account",
        15,
        '    trusts: ["arn:aws:iam::999999999999:role/x"]',
        FIRST_TRUST,
        ("not in the spec", "keys of `roles:`"),
    ),
    Line(
        "trusts an ARN of another partition",
        15,
        '    trusts: ["arn:aws-cn:iam::222222222222:role/x"]',
        FIRST_TRUST,
        ("no partition", "keys of `roles:`"),
    ),
    Line(
        "trusts an ARN in capitals",
        15,
        '    trusts: ["ARN:AWS:iam::222222222222:role/worker"]',
        FIRST_TRUST,
        ("not the ARN", "Did you mean worker?"),
    ),
    Line(
        "trusts a unique id", 15, "    trusts: [AROAEXAMPLEEXAMPLE123]", FIRST_TRUST, ("unique id", "keys of `roles:`")
    ),
    Line(
        "both sides",
        15,
        "    trusts: [bar]\n" + BAR.replace("writer", "worker"),
        FIRST_TRUST,
        ("bar trusts worker", "two roles"),
    ),
    Line("cycle", 15, "    trusts: [bar]\n" + BAR, FIRST_TRUST, ("writer trusts bar trusts writer", "Remove one")),
    # external ids, guard, open_for
    Line(
        "external id of one character",
        15,
        "    trusts: [worker]\n    external_id: x",
        "16: roles.writer.external_id",
        ("1 characters", "2 to 1224"),
    ),
    Line(
        "external id too long",
        15,
        f"    trusts: [worker]\n    external_id: {'x' * 1225}",
        "16: roles.writer.external_id",
        ("1225", "2 to 1224"),
    ),
    Line(
        "external id empty",
        15,
        '    trusts: [worker]\n    external_id: ""',
        "16: roles.writer.external_id",
        ("empty", "generate"),
    ),
    Line(
        "external id null",
        15,
        "    trusts: [worker]\n    external_id:",
        "16: roles.writer.external_id",
        ("no value", "leave the key out"),
    ),
    Line(
        "external id with a space",
        15,
        "    trusts: [worker]\n    external_id: a b",
        "16: roles.writer.external_id",
        ("a space", "letters"),
    ),
    Line(
        "external id with #",
        15,
        "    trusts: [worker]\n    external_id: a#b",
        "16: roles.writer.external_id",
        ('"#"', "letters"),
    ),
    Line(
        "external id with *",
        15,
        "    trusts: [worker]\n    external_id: a*b",
        "16: roles.writer.external_id",
        ('"*"', "letters"),
    ),
    Line(
        "external id that is to be generated, in other letters",
        15,
        "    trusts: [worker]\n    external_id: Generate",
        "16: roles.writer.external_id",
        ("Generate", "`generate`"),
    ),
    Line(
        "external id a placeholder",
        15,
        "    trusts: [worker]\n    external_id: ${X}",
        "16: roles.writer.external_id",
        ("placeholder", "environment"),
    ),
    Line(
        "external id a number",
        15,
        "    trusts: [worker]\n    external_id: 1234",
        "16: roles.writer.external_id",
        ("number", 'Quote it: "1234"'),
    ),
    Line(
        "external id of a trusted role",
        18,
        "    module: function\n    external_id: generate",
        "19: roles.worker.external_id",
        ("for trusting roles", "Set it on"),
    ),
    Line(
        "guard of a trusted role",
        18,
        "    module: function\n    guard: false",
        "19: roles.worker.guard",
        ("for trusting roles", "Set it on"),
    ),
    Line(
        "open_for of a trusted role",
        18,
        "    module: function\n    open_for: 1h",
        "19: roles.worker.open_for",
        ("for trusting roles", "Set it on"),
    ),
    Line(
        "guard text",
        15,
        '    trusts: [worker]\n    guard: "false"',
        "16: roles.writer.guard",
        ("true or false", "without quotes"),
    ),
    Line(
        "guard a number",
        15,
        "    trusts: [worker]\n    guard: 0",
        "16: roles.writer.guard",
        ("true or false", "number 0"),
    ),
    Line(
        "open_for a number",
        15,
        "    trusts: [worker]\n    open_for: 90",
        "16: roles.writer.open_for",
        ("must be text", '"90s"'),
    ),
    Line(
        "open_for no time",
        15,
        "    trusts: [worker]\n    open_for: soon",
        "16: roles.writer.open_for",
        ("not a time", "30m"),
    ),
    Line(
        "open_for of two parts the wrong way round",
        15,
        "    trusts: [worker]\n    open_for: 30m1h",
        "16: roles.writer.open_for",
        ("not a time", "30m"),
    ),
    Line(
        "open_for negative",
        15,
        "    trusts: [worker]\n    open_for: -5m",
        "16: roles.writer.open_for",
        ("not a time", "30m"),
    ),
    Line(
        "open_for a clock",
        15,
        "    trusts: [worker]\n    open_for: 1:30",
        "16: roles.writer.open_for",
        ("not a time", "30m"),
    ),
    Line(
        "open_for too short",
        15,
        "    trusts: [worker]\n    open_for: 59s",
        "16: roles.writer.open_for",
        ("too short", "1m to 12h"),
    ),
    Line(
        "open_for too long",
        15,
        "    trusts: [worker]\n    open_for: 13h",
        "16: roles.writer.open_for",
        ("too long", "1m to 12h"),
    ),
    Line(
        "open_for without a guard",
        15,
        "    trusts: [worker]\n    guard: no\n    open_for: 1h",
        "17: roles.writer.open_for",
        ("part of the guard", "Remove `open_for:`"),
    ),
    # modules
    Line("no module", 13, "", ROLE + ".module", ("missing", "modules/")),
    Line("module empty", 13, '    module: ""', "13: roles.writer.module", ("empty", "Write")),
    Line(
        "module unknown",
        13,
        "    module: tabel",
        "13: roles.writer.module",
        ("no module modules/tabel", "Did you mean table?"),
    ),
    Line(
        "module unknown, nothing near",
        13,
        "    module: queue",
        "13: roles.writer.module",
        ("no module", "There are function, table"),
    ),
    Line(
        "module's path unknown",
        13,
        "    module: ./modules/tabel",
        "13: roles.writer.module",
        ("no module", "Did you mean table?"),
    ),
    Line(
        "module without ./",
        13,
        "    module: modules/table",
        "13: roles.writer.module",
        ("is a folder", "Write ./modules/table"),
    ),
    Line(
        "module of no kind",
        13,
        "    module: team/table",
        "13: roles.writer.module",
        ("neither a folder", "namespace/name/provider"),
    ),
    Line(
        "module outside",
        13,
        "    module: ../table",
        "13: roles.writer.module",
        ("outside the project", "into the project"),
    ),
    Line(
        "module outside, hidden",
        13,
        "    module: ./modules/../../table",
        "13: roles.writer.module",
        ("outside the project", "into the project"),
    ),
    Line(
        "module absolute",
        13,
        "    module: /opt/table",
        "13: roles.writer.module",
        ("path on this machine", "./modules/x"),
    ),
    Line(
        "module in a home",
        13,
        "    module: ~/table",
        "13: roles.writer.module",
        ("path on this machine", "./modules/x"),
    ),
    Line("module dots", 13, '    module: ".."', "13: roles.writer.module", ("outside the project", "into the project")),
    Line("module a file", 13, "    module: ./tfdriver.yaml", "13: roles.writer.module", ("is a file", "folder")),
    Line(
        "module a placeholder",
        13,
        "    module: ${MODULE}",
        "13: roles.writer.module",
        ("placeholder", "Write the folder"),
    ),
    Line("module two lines", 13, '    module: "a\\nb"', "13: roles.writer.module", ("\\n", "Remove it")),
    Line(
        "module for the other side",
        13,
        "    module: function",
        "13: roles.writer.module",
        ("for a trusted role", "trust_policy", "another module"),
    ),
    Line(
        "module for this side there",
        18,
        "    module: table",
        "18: roles.worker.module",
        ("for a trusting role", "roles_to_assume", "another module"),
    ),
    # variables
    Line(
        "variables a list",
        14,
        "    variables: [table_name]",
        "14: roles.writer.variables",
        ("must be a mapping", "a list"),
    ),
    Line("variables null", 14, "    variables:", "14: roles.writer.variables", ("no value", "mapping")),
    Line(
        "variable missing",
        14,
        "    variables: {read_capacity: 5}",
        "14: roles.writer.variables",
        ("needs a value for table_name", "Add it"),
    ),
    Line("variables missing", 14, "", "11: roles.writer.variables", ("needs a value for table_name", "Add it")),
    Line(
        "variable unknown",
        14,
        "    variables: {table_name: T, raed_capacity: 5}",
        "14: roles.writer.variables.raed_capacity",
        ("no variable", "Did you mean read_capacity?"),
    ),
    Line(
        "variable of the contract",
        14,
        "    variables: {table_name: T, trust_policy: x}",
        "14: roles.writer.variables.trust_policy",
        ("set by tfdriver", "Remove it"),
    ),
    Line(
        "variable of Terraform's",
        14,
        "    variables: {table_name: T, count: 2}",
        "14: roles.writer.variables.count",
        ("reserved by Terraform", "Remove it"),
    ),
    Line(
        "variable no identifier",
        14,
        "    variables: {table_name: T, 'a b': 2}",
        '14: roles.writer.variables."a b"',
        ("cannot be a name", "letters"),
    ),
    Line(
        "variable null",
        14,
        "    variables: {table_name: }",
        "14: roles.writer.variables.table_name",
        ("no value", "needs one"),
    ),
    Line(
        "number for text",
        14,
        "    variables: {table_name: 1.10}",
        "14: roles.writer.variables.table_name",
        ("wants text", "Quote it"),
    ),
    Line(
        "bool for text",
        14,
        "    variables: {table_name: no}",
        "14: roles.writer.variables.table_name",
        ("wants text", "Quote it", "no, on"),
    ),
    Line(
        "list for text",
        14,
        "    variables: {table_name: [T]}",
        "14: roles.writer.variables.table_name",
        ("wants text", "a list"),
    ),
    Line(
        "number that loses its zero",
        14,
        "    variables: {table_name: 007}",
        "14: roles.writer.variables.table_name",
        ("zero", 'Quote it: "007"'),
    ),
    Line(
        "text for a number",
        14,
        "    variables: {table_name: T, read_capacity: '5'}",
        "14: roles.writer.variables.read_capacity",
        ("wants a number", "without quotes"),
    ),
    Line(
        "bool for a number",
        14,
        "    variables: {table_name: T, read_capacity: yes}",
        "14: roles.writer.variables.read_capacity",
        ("wants a number", "bool true"),
    ),
    Line(
        "text for a bool",
        14,
        "    variables: {table_name: T, protected: 'no'}",
        "14: roles.writer.variables.protected",
        ("wants a bool", "true or false"),
    ),
    Line(
        "text for a list",
        14,
        "    variables: {table_name: T, keys: a}",
        "14: roles.writer.variables.keys",
        ("wants a list", "Write [a]"),
    ),
    Line(
        "number in a list of texts",
        14,
        "    variables: {table_name: T, keys: [a, 1]}",
        "14: roles.writer.variables.keys[1]",
        ("wants text", 'Quote it: "1"'),
    ),
    Line(
        "list for a map",
        14,
        "    variables: {table_name: T, labels: [a]}",
        "14: roles.writer.variables.labels",
        ("wants a mapping", "key: value"),
    ),
    Line(
        "bool in a map of texts",
        14,
        "    variables: {table_name: T, labels: {a: on}}",
        "14: roles.writer.variables.labels.a",
        ("wants text", "Quote it"),
    ),
    Line(
        "object without a key",
        14,
        "    variables: {table_name: T, backup: {days: 3}}",
        "14: roles.writer.variables.backup",
        ("vault is missing", "vault, days"),
    ),
    Line(
        "object with another key",
        14,
        "    variables: {table_name: T, backup: {vault: v, dyas: 3}}",
        "14: roles.writer.variables.backup.dyas",
        ("no attribute dyas", "Did you mean days?"),
    ),
    # duplicate names
    Line(
        "one name, two roles",
        18,
        "    module: function\n    name: x\n  other: {account: app, module: function, name: x}\n" + THIRD + "[other]}",
        "20: roles.other.name",
        ("also the name of role worker", "another `name:`"),
    ),
    Line(
        "one name in two cases",
        18,
        "    module: function\n  Worker: {account: app, module: function}\n" + THIRD + "[Worker]}",
        "19: roles.Worker.name",
        ("differ in case only", "another `name:`"),
    ),
    Line(
        "key too long for a role name",
        18,
        f"    module: function\n    name: w\n  {'r' * 65}: {{account: app, module: function}}",
        f'20: roles."{"r" * 57}..."',
        ("65 characters", "at most 64"),
    ),
]
