"""The figures, one module each.

`facts(...)` turns the tables into the numbers that are shown, `caption(facts)` says what they are, `draw(facts)` puts
them on paper. Facts without panels mean that there is nothing to draw; the caption then says why.
"""
