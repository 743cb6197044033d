package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/models"
)

// CreateLinkRequest names a file that lives elsewhere.
type CreateLinkRequest struct {
	URL      string      `json:"url" example:"https://example.org/cheese.gif"`                              // http or https, at most 2048 bytes
	Name     string      `json:"name" example:"cheese.gif" validate:"optional"`                             // up to 255 characters; left out, the end of the url's path
	Metadata models.JSON `json:"metadata" extensions:"x-nullable" swaggertype:"object" validate:"optional"` // what is known of it: size, format, width, height, duration, and the app's own; at most 8192 bytes
}

// CreateFile stores a file, or a link to one.
//
//	@Summary		Upload a file, or name one that lives elsewhere
//	@Description	As multipart/form-data with the field `file`, the bytes are stored here, up to PARLEY_MAX_FILE_BYTES. What can be measured is: the type by its content, of pictures width, height and format, of audio and video duration and format; it goes over what the field `metadata` (a JSON object) says. With `url` and no `file` nothing is stored but the link; that may come as application/json as well, an object with `url`, `name` and `metadata` (an object), which is not among the bodies below because most generated clients then could not upload. The name is stripped of paths and control characters. Readers of the `url` need no header: it carries a token that expires (PARLEY_FILE_URL_TTL, 7 days), so fetch the record or the message anew for a fresh one. A file that no message names for a day is removed.
//	@Tags			files
//	@ID				createFile
//	@Accept			mpfd
//	@Produce		json,application/problem+json
//	@Param			X-Client-Id	header		string		false	"with the master key: the client as whom to act"
//	@Param			file		formData	file		false	"the bytes, with the name of the file"
//	@Param			name		formData	string		false	"another name than the file's; of a link, its name"								example(cheese.png)
//	@Param			url			formData	string		false	"instead of a file: an http or https URL where it is"							example(https://example.org/cheese.gif)
//	@Param			metadata	formData	string		false	"a JSON object of at most 8192 bytes: what the client knows, and what it likes"	example({"album":"cats"})
//	@Success		201			{object}	models.File	"stored"
//	@Failure		400			{object}	Problem		"a field is wrong, or the body ended early or came too slowly"
//	@Failure		401			{object}	Problem		"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem		"not allowed with these credentials"
//	@Failure		413			{object}	Problem		"the file is too large; nothing of it is kept"
//	@Failure		415			{object}	Problem		"the body is neither multipart/form-data nor JSON"
//	@Failure		429			{object}	Problem		"too many calls; nothing is kept, come back after Retry-After"
//	@Failure		500			{object}	Problem		"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem		"the database or the store of the files cannot be reached; nothing is kept, come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/files [post]
func (a *API) CreateFile(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	mediaType, parameters, err := bodyType(c)
	if err != nil {
		return err
	}
	var file *models.File
	switch mediaType {
	case echo.MIMEMultipartForm:
		file, err = a.upload(c, actor, parameters["boundary"])
	case echo.MIMEApplicationJSON:
		var request CreateLinkRequest
		if err = a.decode(c, &request); err == nil {
			file, err = a.Store.CreateLink(c.Request().Context(), actor, request.URL, request.Name, request.Metadata)
		}
	default:
		return &models.Error{Kind: models.UnsupportedMedia, Code: "unsupported_media_type", Detail: "the body must be multipart/form-data, or JSON for a link"}
	}
	if err != nil {
		return err
	}
	trail(c).about("file", file.ID)
	c.Response().Header().Set(echo.HeaderLocation, "/v1/files/"+file.ID)
	return respond(c, http.StatusCreated, file)
}

// GetFile reads a file's record.
//
//	@Summary		Read a file's record
//	@Description	For its uploader, the members of a conversation in which it was sent, and the master key. The `url` is fresh.
//	@Tags			files
//	@ID				getFile
//	@Produce		json,application/problem+json
//	@Param			id			path		string		true	"the file"	example(dc26fs9ksducs2s136s0)
//	@Param			X-Client-Id	header		string		false	"with the master key: the client as whom to act"
//	@Success		200			{object}	models.File	"the record"
//	@Failure		400			{object}	Problem		"a parameter is wrong"
//	@Failure		401			{object}	Problem		"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem		"the file is not for this client"
//	@Failure		404			{object}	Problem		"there is no such file"
//	@Failure		429			{object}	Problem		"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem		"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem		"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/files/{id} [get]
func (a *API) GetFile(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	file, err := a.Store.File(c.Request().Context(), actor, c.Param("id"))
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, file)
}
