// Package handlers is the REST API: each handler decodes, makes one call and encodes. Request and response types and
// the OpenAPI comment stand beside the handler; errors become problem+json in one place.
package handlers

import (
	"log/slog"

	"parley/handlers/limits"
	"parley/models"
	"parley/realtime"
)

// API holds what the handlers call.
type API struct {
	Store   *models.Store
	Node    *realtime.Node
	Logger  *slog.Logger
	Limits  *limits.Limits
	MaxBody int64 // bytes of a request's JSON body; PARLEY_MAX_MESSAGE_BYTES
	MaxFile int64 // bytes of a file; PARLEY_MAX_FILE_BYTES
}
