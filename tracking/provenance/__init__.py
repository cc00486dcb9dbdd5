"""Where a model comes from: commit, data and parameters, and building it again from them."""
