"""From images to stacks in order: which belong together, in which slice and phase, how slices lie to one another."""
