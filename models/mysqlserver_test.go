package models

import (
	"errors"
	"testing"

	drv "github.com/go-sql-driver/mysql"
)

// TestSettingsByKindOfServer: only TiDB knows tidb_txn_mode; the others would refuse the connection.
func TestSettingsByKindOfServer(t *testing.T) {
	for version, want := range map[string]string{
		"8.0.11-TiDB-v8.5.0":               "'pessimistic'",
		"8.4.3":                            "",
		"10.11.19-MariaDB-0+deb12u1":       "",
		"11.8.2-MariaDB-ubu2404-log":       "",
		"8.0.30-Vitess":                    "",
		"8.0.mysql_aurora.3.08.0 (Aurora)": "",
	} {
		if got := settingsFor(version)["tidb_txn_mode"]; got != want {
			t.Errorf("%s gets %q, not %q", version, got, want)
		}
	}
}

// TestFaultsOfServers: what each server's error means for the work, also when it comes wrapped.
func TestFaultsOfServers(t *testing.T) {
	for number, want := range map[uint16]fault{
		1062: faultDuplicate,
		1205: faultContended, 1213: faultContended, 9007: faultContended, 8002: faultContended, 8022: faultContended,
		1021: faultDown, 1114: faultDown, 1290: faultDown, 1792: faultDown, 1053: faultLost, 1927: faultLost, 9005: faultLost,
		1064: faultPermanent, 1146: faultPermanent, 1406: faultPermanent, 1048: faultPermanent,
	} {
		if got := faultOf(errors.Join(errors.New("in a transaction"), &drv.MySQLError{Number: number})); got != want {
			t.Errorf("%d is fault %d, not %d", number, got, want)
		}
	}
}
