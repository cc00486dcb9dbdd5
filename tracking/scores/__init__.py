"""What evaluations say of runs: logged, described, compared, computed again for older models."""
