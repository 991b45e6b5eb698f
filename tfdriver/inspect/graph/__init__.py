"""Graphs of who trusts whom, as text or as a picture.

`draw`      `tfdriver graph`: reads the spec and AWS, and picks the format. The other modules do no I/O.
`model`     a graph: boxes, nodes, edges and their states.
`build`     makes graphs from the spec and the observed trusts.
`tree`, `mermaid`, `dot`, `svg`   one format each.

For `svg`: `style` has the colours and lines, `measure` the width of text, `labels` the text on edges, `layout` places
all of it as `coordinates`, and `markup` writes elements.
"""
