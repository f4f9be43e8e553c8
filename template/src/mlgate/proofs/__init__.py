"""Why a green gate can be believed: for each check, inputs made from the project's own data that must turn it red."""
