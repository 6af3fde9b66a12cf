"""What travels with a model to where the stick is: a script, a README, Luxonis' forms."""
