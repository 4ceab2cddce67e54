package platform

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
)

// Code is the class of an Error.
type Code string

// The codes.
const (
	CodeNotFound   Code = "not_found"   // no such function or revision
	CodeConflict   Code = "conflict"    // what is live is not what the request took for live
	CodeInvalid    Code = "invalid"     // the request can never work
	CodeCrashed    Code = "crashed"     // an instance ended before it was ready
	CodeMemory     Code = "memory"      // an instance used more memory than it may
	CodeUnready    Code = "unready"     // an instance runs but does not answer
	CodeUnloaded   Code = "unloaded"    // an instance's shim runs but has not loaded the handler
	CodeTimeout    Code = "timeout"     // the platform or a function took too long
	CodeBusy       Code = "busy"        // no instance became free in time
	CodePort       Code = "port"        // another program listens on the port that is kept for a service
	CodeSecret     Code = "secret"      // a secret has no value
	CodeNotRunning Code = "not_running" // no platform runs for this home
	CodeSilent     Code = "silent"      // the platform's process lives and answers nothing
	CodeProtocol   Code = "protocol"    // the running platform is of another version
	CodeDenied     Code = "denied"      // the token is wrong
	CodeFull       Code = "full"        // the disk is full
	CodeReadOnly   Code = "read_only"   // the folder cannot be written
	CodeBlind      Code = "blind"       // this system does not tell which processes run
	CodeFailed     Code = "failed"      // none of the above
)

// status is what a script that speaks HTTP is told.
func (c Code) status() int {
	switch c {
	case CodeDenied:
		return http.StatusUnauthorized
	case CodeNotFound:
		return http.StatusNotFound
	}
	return http.StatusUnprocessableEntity
}

// Error is a failure of the platform; it crosses the control connection as it is.
type Error struct {
	Code     Code   `json:"code"`
	Function string `json:"function,omitempty"`
	Message  string `json:"message"`
	Log      string `json:"log,omitempty"`  // the end of the log that explains it
	Port     int    `json:"port,omitempty"` // of CodePort
	Name     string `json:"name,omitempty"` // of CodeSecret
	err      error
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.err }

// CodeOf is the class of any failure of this package or of the file system.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return CodeFull
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return CodeReadOnly
	}
	return CodeFailed
}

// wire gives any failure the form in which it crosses the control connection.
func wire(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeOf(err), Message: err.Error(), err: err}
}

func failed(code Code, function, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Function: function, Message: err.Error(), err: errors.Unwrap(err)}
}

func quote(s string) string { return strconv.Quote(s) }
