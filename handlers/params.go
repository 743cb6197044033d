package handlers

import (
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"parley/models"
)

// checkQuery refuses query parameters that the call does not know, doubles of those that are not lists, and bad UTF-8.
func checkQuery(c echo.Context, known ...string) error {
	parameters, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return models.Invalidf("query", "is not well-formed")
	}
	for name, values := range parameters {
		switch {
		case name == "" || !utf8.ValidString(name):
			return models.Invalidf("query", "is not well-formed")
		case !slices.Contains(known, name):
			return models.Invalidf(name, "is not a known parameter")
		case len(values) > 1 && name != "clientId":
			return models.Invalidf(name, "is there twice")
		}
		for _, value := range values {
			if !utf8.ValidString(value) {
				return models.Invalidf(name, "must be valid UTF-8")
			}
		}
	}
	return nil
}

// intParam reads a whole number in [least, most]; fallback when the parameter is not there.
func intParam(c echo.Context, name string, fallback, least, most int) (int, error) {
	if !c.QueryParams().Has(name) {
		return fallback, nil
	}
	n, err := strconv.Atoi(c.QueryParam(name))
	if err != nil || n < least || n > most {
		return 0, models.Invalidf(name, "must be a number from %d to %d", least, most)
	}
	return n, nil
}

// positionParam reads a position in the log; nil when the parameter is not there.
func positionParam(c echo.Context, name string) (*int64, error) {
	if !c.QueryParams().Has(name) {
		return nil, nil
	}
	n, ok := parseMessageID(c.QueryParam(name))
	if !ok {
		return nil, models.Invalidf(name, "must be a message id")
	}
	return &n, nil
}

// parseMessageID reads a message id: decimal digits.
func parseMessageID(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == text // as the server writes it
}

// timeParam reads an RFC 3339 time; nil when the parameter is not there.
func timeParam(c echo.Context, name string) (*models.Timestamp, error) {
	if !c.QueryParams().Has(name) {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339Nano, c.QueryParam(name))
	if err != nil {
		return nil, models.Invalidf(name, "must be a time such as 2026-11-23T08:33:00.123Z")
	}
	stamp := models.TimestampOf(t)
	return &stamp, nil
}

// clientParam reads the client id in the path, which may hold anything, a slash too.
func clientParam(c echo.Context) (string, error) {
	id := c.Param("clientId")
	return id, models.CheckClientID("clientId", id)
}
