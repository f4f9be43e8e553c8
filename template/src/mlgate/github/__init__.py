"""What this repository needs GitHub to be set to: compared, and set on request, through GitHub's own `gh`."""
