"""Commands cut off at every step they take, on real nodes, and judged without kadalu."""
