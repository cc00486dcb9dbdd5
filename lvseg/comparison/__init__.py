"""Models against each other, patient by patient."""
