"""How records look: tables, curves, notebook cells, progress."""
