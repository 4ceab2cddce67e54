// Runs before the module is imported: what the platform says here is of ferry's own function, and of none of the user's.
delete process.env.FUNCTION_TARGET;
