package console

import (
	_ "embed"
	"net/http"
)

// description is that of the API, for programs (OpenAPI 3).
//
//go:embed openapi.yaml
var description []byte

func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(description)
}
