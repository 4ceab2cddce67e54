package gcptest

// permitted says whether somebody has a permission on a resource: an owner of the project has all.
func (s *Server) permitted(caller, _, _ string) bool {
	return caller == Deployer
}
