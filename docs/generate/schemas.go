package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi3"
)

// completeSchemas says of the schemas what swag has no words for, with generated clients in mind: a free object takes any
// values, a number is a double (a float would lose metres of a place), and an enumeration has a name of its own.
func completeSchemas(definitions map[string]*openapi2.SchemaRef) error {
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		for property, value := range definitions[name].Value.Properties {
			if value.Value == nil {
				continue // a reference
			}
			completeProperty(property, value.Value)
			if len(value.Value.Enum) == 0 {
				continue
			}
			named, ok := enumNames[wordsOf(value.Value)]
			if !ok {
				return fmt.Errorf("the enumeration of %s.%s, %s, has no name in enumNames", name, property, wordsOf(value.Value))
			}
			if definitions[named] == nil || value.Value.Description != "" { // a reference has no room for a description beside it
				definitions[named] = value
			}
			definitions[name].Value.Properties[property] = &openapi2.SchemaRef{Ref: "#/definitions/" + named}
		}
	}
	// The type of lastMessage differs in how it is written when there is none, and not in its shape.
	definitions["Conversation"].Value.Properties["lastMessage"].Value.AllOf[0].Ref = "#/definitions/Message"
	delete(definitions, "LastMessage")
	return nil
}

func completeProperty(name string, schema *openapi2.Schema) {
	switch name {
	case "payload":
		schema.Type, schema.Example = nil, map[string]any{"move": "e2e4"}
	case "to":
		schema.Type = nil
	case "attributes":
		schema.Example = map[string]any{"topic": "sports"}
	case "metadata":
		schema.Example = map[string]any{"size": 48213, "format": "png", "width": 640, "height": 480}
	case "changes":
		schema.Example = map[string]any{"name": "Friends"}
	case "where":
		schema.Example = map[string]any{"name": map[string]any{"$contains": "NBA"}, "attributes.topic": "sports"}
	}
	openFreeObject(schema)
	if schema.Type.Is("number") {
		schema.Format = "double"
	}
}

func openFreeObject(schema *openapi2.Schema) {
	if schema.Type.Is("object") && len(schema.Properties) == 0 {
		anything := true
		schema.AdditionalProperties = openapi3.AdditionalProperties{Has: &anything}
	}
}

// enumNames are the schemas of the enumerations, by their words. Generators name one that stands in a property by
// themselves, and make as many types of it as there are properties.
var enumNames = map[string]string{
	"normal chatroom system temporary": "ConversationType",
	"high normal low":                  "MessagePriority",
	"shutdown conflict logged_out token_expired kicked_by_app slow_consumer unavailable":         "DisconnectReason",
	"invalid_position future_position position_expired too_far_behind room_messages_lost":        "ResyncReason",
	"conversation_created members_joined members_left conversation_updated conversation_removed": "SyncEventKind",
}

func wordsOf(schema *openapi2.Schema) string {
	var words []string
	for _, word := range schema.Enum {
		words = append(words, fmt.Sprint(word))
	}
	return strings.Join(words, " ")
}
