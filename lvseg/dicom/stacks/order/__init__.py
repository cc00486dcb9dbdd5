"""In which slice and phase of a stack each image stands."""
