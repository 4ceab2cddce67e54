package gcptest

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/api/cloudfunctions/v2"
)

// uploadPath is where signed addresses for archives of sources begin, uploads and downloads.
const uploadPath = "/signed/"

// archive is a place for the source of a function.
type archive struct {
	data       []byte
	generation int64
}

// uploadBucket holds what is uploaded to be deployed.
const uploadBucket = "gcf-v2-uploads-" + Number + "." + Region + ".cloudfunctions.appspot.com"

// generateUploadURL gives an address that takes one archive, without credentials.
func (s *Server) generateUploadURL(c *call) (any, error) {
	if fail := s.checkFunctionLocation(c.vars["parent"]); fail != nil {
		return nil, fail
	}
	object := s.uid() + ".zip"
	s.archives[uploadBucket+"/"+object] = &archive{}
	return &cloudfunctions.GenerateUploadUrlResponse{
		UploadUrl:     s.URL + uploadPath + object + "?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-SignedHeaders=content-type%3Bhost&X-Goog-Signature=" + keyID,
		StorageSource: &cloudfunctions.StorageSource{Bucket: uploadBucket, Object: object},
	}, nil
}

// generateDownloadURL gives an address of the source that was deployed last.
func (s *Server) generateDownloadURL(c *call) (any, error) {
	f, fail := s.function(c.vars["name"])
	if fail != nil {
		return nil, fail
	}
	object := s.uid() + ".zip"
	s.archives[uploadBucket+"/"+object] = &archive{data: f.source, generation: 1}
	return &cloudfunctions.GenerateDownloadUrlResponse{DownloadUrl: s.URL + uploadPath + object + "?X-Goog-Signature=" + keyID}, nil
}

// serveSigned takes and gives archives. What was signed is the content type, and no Authorization
// (https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions/generateUploadUrl).
func (s *Server) serveSigned(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	a := s.archives[uploadBucket+"/"+strings.TrimPrefix(r.URL.Path, uploadPath)]
	s.mu.Unlock()
	switch {
	case a == nil || r.URL.Query().Get("X-Goog-Signature") != keyID:
		signedFailure(w, http.StatusForbidden, "SignatureDoesNotMatch", "Access denied.")
	case r.Header.Get("Authorization") != "" || r.Header.Get("X-Goog-User-Project") != "":
		signedFailure(w, http.StatusBadRequest, "InvalidArgument", "The request was signed, and has credentials besides.")
	case r.Method == http.MethodGet:
		s.mu.Lock()
		data := a.data
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/zip")
		_, _ = w.Write(data)
	case r.Method != http.MethodPut || r.Header.Get("Content-Type") != "application/zip":
		signedFailure(w, http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. "+
			"Check your Google secret key and signing method.")
	default:
		data, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the caller has gone
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		a.data, a.generation = data, a.generation+1
	}
}

func signedFailure(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<?xml version='1.0' encoding='UTF-8'?><Error><Code>"+code+"</Code><Message>"+message+"</Message></Error>")
}

// sourceOf is an archive in a bucket, one of Cloud Functions' own or somebody's.
func (s *Server) sourceOf(from *cloudfunctions.StorageSource) ([]byte, *failure) {
	if a := s.archives[from.Bucket+"/"+from.Object]; a != nil && a.generation > 0 && (from.Generation == 0 || from.Generation == a.generation) {
		return a.data, nil
	}
	if b := s.place.buckets[from.Bucket]; b != nil {
		if o := b.objects[from.Object]; o != nil && (from.Generation == 0 || from.Generation == o.is.Generation) {
			return o.data, nil
		}
	}
	name := "gs://" + from.Bucket + "/" + from.Object
	if from.Generation != 0 {
		name += "#" + strconv.FormatInt(from.Generation, 10)
	}
	return nil, refuse(codeInvalidArgument, "Failed to retrieve function source code: %s was not found", name)
}
