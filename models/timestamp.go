package models

import "time"

// Timestamp is a point in time in milliseconds since 1970 UTC, the precision of the API and of every table.
type Timestamp int64

// timestampLayout is RFC 3339 with milliseconds in UTC (API.md, "Conventions").
const timestampLayout = "2006-01-02T15:04:05.000Z"

// Time gives the timestamp as a time in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// AppendText writes the API's form: 2026-11-23T08:33:00.123Z.
func (t Timestamp) AppendText(b []byte) ([]byte, error) {
	return t.Time().AppendFormat(b, timestampLayout), nil
}

// MarshalText is AppendText for encoders that ask for it.
func (t Timestamp) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// UnmarshalText reads any RFC 3339 time.
func (t *Timestamp) UnmarshalText(b []byte) error {
	parsed, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return err
	}
	*t = TimestampOf(parsed)
	return nil
}

// TimestampOf cuts a time to milliseconds.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMilli()) }
