"""Who trusts whom, as a picture: `build` and `phases` make `Graph`s, one module per format draws them. Pure; no I/O.

The formats: `tree` (text), `mermaid` (code hosts render it), `dot` (Graphviz) and `svg` (`measure` knows how wide text
is, `labels` decides what is said on edges, `layout` where everything goes, `style` how it looks, `svg` writes it down).
"""
