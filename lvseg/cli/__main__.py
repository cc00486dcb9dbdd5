"""`python -m lvseg.cli`: the command `lvseg` where no script of that name is at hand."""

from lvseg.cli.app import main

if __name__ == "__main__":
    main()
