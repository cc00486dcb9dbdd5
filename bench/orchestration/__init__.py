"""What Prefect costs and brings, on one machine and on a team's, and what faults leave behind."""
