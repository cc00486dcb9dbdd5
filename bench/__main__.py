"""`make bench`: all benchmarks, one after the other."""

from bench.extraction import main

if __name__ == "__main__":
    main()
