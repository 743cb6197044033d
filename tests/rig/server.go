//go:build linux

package rig

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The app of every server that is started here.
const (
	AppID         = "load"
	AppKey        = "load-app-key-0123456789"
	MasterKey     = "load-master-key-0123456789"
	SigningSecret = "load-signing-secret-0123456789-0123456789"
)

// MaxStreams is how many streams are possible: all come from one address, which has about 28,000 ports to connect from.
const MaxStreams = 20_000

// Build builds the server into a folder and gives its path.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "parley")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "parley")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w: %s", err, said)
	}
	return path, nil
}

// Environ is the server's: nothing of the caller's configuration, no limit that the load would run into. Files are in the folder.
func Environ(dir, databaseURL string) []string {
	var environ []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PARLEY_") {
			environ = append(environ, variable)
		}
	}
	return append(environ, "PARLEY_ADDR=127.0.0.1:0", "PARLEY_DATABASE_URL="+databaseURL, "PARLEY_ADMIN_ADDR=127.0.0.1:0",
		"PARLEY_FILES_URL=file://"+filepath.Join(dir, "files"), "PARLEY_LOG_LEVEL=warn",
		"PARLEY_APP_ID="+AppID, "PARLEY_APP_KEY="+AppKey, "PARLEY_MASTER_KEY="+MasterKey, "PARLEY_SIGNING_SECRET="+SigningSecret,
		"PARLEY_MAX_STREAMS_PER_CLIENT=0", "PARLEY_MAX_STREAMS_PER_ADDRESS=0", "PARLEY_SENDS_PER_MINUTE=0",
		"PARLEY_REQUESTS_PER_MINUTE=0", "PARLEY_ADDRESS_REQUESTS_PER_MINUTE=0", "PARLEY_LOGINS_PER_MINUTE=0",
		"PARLEY_MAX_CONNECTIONS=0", "PARLEY_MAX_CONNECTIONS_PER_ADDRESS=0", fmt.Sprintf("PARLEY_MAX_MEMBERS=%d", 2*MaxStreams))
}

// MasterCredentials is the app's own server's Authorization header.
func MasterCredentials() string { return Basic(MasterKey) }

// Basic is the Authorization header for a key of the app.
func Basic(key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(AppID+":"+key))
}

// SignedToken signs a token as the app's own server would; each device has its own, and with the same end always the same: another
// token would be another session.
func SignedToken(client, device string, expires time.Time) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"aud": AppID, "sub": client, "jti": device,
		"exp": expires.Unix()}).SignedString([]byte(SigningSecret))
}
