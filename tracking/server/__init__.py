"""The tracking server: addresses of runs, the view that its pages open with, what they show, the move to a team's."""
