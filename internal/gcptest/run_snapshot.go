package gcptest

import "google.golang.org/api/run/v2"

// listRun writes the services with their revisions.
func (s *Server) listRun(l *lines) {
	for name, v := range s.services {
		is := &run.GoogleCloudRunV2Service{
			Labels: v.is.Labels, Annotations: v.is.Annotations, Ingress: v.is.Ingress, Scaling: v.is.Scaling, InvokerIamDisabled: v.is.InvokerIamDisabled,
			CustomAudiences: v.is.CustomAudiences,
		}
		l.add("service", name, is, v.traffic(), v.policy.Bindings)
		for id, r := range v.revisions {
			l.add("revision", name+"/"+id, r.template)
		}
	}
}

// listDeployed writes the functions.
func (s *Server) listDeployed(l *lines) {
	for name, f := range s.functions {
		is := copyOf(*f.is)
		l.add("function", name, is.State, is.Labels, is.BuildConfig.Runtime, is.BuildConfig.EntryPoint, is.BuildConfig.EnvironmentVariables,
			is.ServiceConfig.EnvironmentVariables, is.ServiceConfig.SecretEnvironmentVariables, is.ServiceConfig.AvailableMemory)
	}
}

// traffic is where it goes, without addresses.
func (v *runService) traffic() []run.GoogleCloudRunV2TrafficTargetStatus {
	var out []run.GoogleCloudRunV2TrafficTargetStatus
	for _, t := range v.is.TrafficStatuses {
		out = append(out, run.GoogleCloudRunV2TrafficTargetStatus{Type: t.Type, Revision: t.Revision, Percent: t.Percent, Tag: t.Tag})
	}
	return out
}
