"""The JSON Schemas of everything with a shape that others rely on: each command's `--json`, and tfdriver.yaml.

`results` says which value each command returns; `envelope` derives the schema from that very type.
"""
