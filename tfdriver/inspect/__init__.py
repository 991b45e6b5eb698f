"""Answers that change nothing: status, explain, graph, report, the operator's policy."""
