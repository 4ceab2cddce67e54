package providers

// Request is one call of a function. An empty Method calls the event handler. Without an Event, Body is the data of a
// dev.ferry.invoke.v1 event. With an Event, the call has the form that such an event has on the provider, and Body is the
// message or the object's key.
type Request struct {
	Method string
	Path   string // with the query, as it goes over the wire
	Header map[string][]string
	Body   []byte
	Event  *BoundEvent
}

// Response is what a function answered.
type Response struct {
	Status  int
	Header  map[string][]string
	Body    []byte
	Cold    bool // an instance had to be started for it
	Seconds float64
	// ColdSeconds are what the start took of them, where the provider tells.
	ColdSeconds float64
	Log         string // the end of the log, where the provider hands it out with the answer
}

// Exchange is a request and what came of it.
type Exchange struct {
	Function string
	Request  Request
	Response Response
	Cut      bool // a body is longer than what is kept of it
}
