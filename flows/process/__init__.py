"""Commands as children that never outlive their run."""
