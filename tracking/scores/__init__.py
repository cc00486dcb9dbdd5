"""What evaluations say of runs: logged, compared, computed again for older models."""
