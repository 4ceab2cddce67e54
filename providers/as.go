package providers

// As returns an optional ability of an adapter or a store, if it has that. It is the one way to ask for one. A type that wraps
// another one has a method Unwrap, which returns the other one as the interface that As is called with. Such a type has an
// ability only if both of them have its methods.
func As[T, O any](of O) (T, bool) {
	ability, ok := any(of).(T)
	if wrapper, wraps := any(of).(interface{ Unwrap() O }); ok && wraps {
		_, ok = As[T](wrapper.Unwrap())
	}
	if !ok {
		var none T
		return none, false
	}
	return ability, true
}
