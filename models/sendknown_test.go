package models

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm/schema"
)

// TestMessageColumnsAreAll: the INSERT that is written by hand has every column that GORM knows of a message.
func TestMessageColumnsAreAll(t *testing.T) {
	t.Parallel()
	known, err := schema.Parse(&Message{}, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		t.Fatal(err)
	}
	columns := strings.Split(messageColumns, ", ")
	if want := slices.Sorted(slices.Values(known.DBNames)); !slices.Equal(slices.Sorted(slices.Values(columns)), want) {
		t.Errorf("the INSERT has %v; a message has %v", columns, want)
	}
}
