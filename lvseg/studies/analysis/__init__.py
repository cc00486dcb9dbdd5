"""One study measured: the ventricle drawn on every frame, volumes, and how far they may be trusted."""
