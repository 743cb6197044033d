// A client of Parley, written with what oapi-codegen generates.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"

	"example.org/client/parley"
)

func main() {
	ctx := context.Background()
	url := os.Getenv("PARLEY_URL")

	// Logging in takes the app's id and key, everything else the token that it gives.
	asApp, err := parley.NewClientWithResponses(url, parley.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.SetBasicAuth(os.Getenv("PARLEY_APP_ID"), os.Getenv("PARLEY_APP_KEY"))
		return nil
	}))
	check(err)
	login, err := asApp.CreateSessionWithResponse(ctx, parley.CreateSessionJSONRequestBody{ClientId: new("Tom")})
	check(err)
	if login.JSON201 == nil {
		log.Fatal(login.Status())
	}
	api, err := parley.NewClientWithResponses(url, parley.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+login.JSON201.Token)
		return nil
	}))
	check(err)

	created, err := api.CreateConversationWithResponse(ctx, nil, parley.CreateConversationJSONRequestBody{
		Members: &[]string{"Jerry"}, Name: new("Tom & Jerry"), Attributes: &map[string]any{"topic": "cheese"}})
	check(err)
	conversation := created.JSON201
	if conversation == nil {
		log.Fatal(created.Status())
	}
	fmt.Println(*conversation.Name, conversation.Type, conversation.MemberCount, conversation.Attributes["topic"])

	// With an Idempotency-Key a send may be repeated until it is answered; it is stored once.
	send := func(to string, message parley.SendMessageRequest) *parley.SendMessageResponse {
		answer, err := api.SendMessageWithResponse(ctx, to, &parley.SendMessageParams{IdempotencyKey: new(rand.Text())}, message)
		check(err)
		return answer
	}
	first := send(conversation.Id, parley.SendMessageRequest{Type: "text", Text: new("Jerry, get up!"), Attributes: &map[string]any{"mood": "loud"}}).JSON201
	send(conversation.Id, parley.SendMessageRequest{Type: "text", Text: new("再见")})
	send(conversation.Id, parley.SendMessageRequest{Type: "location", Location: &parley.LocationRequest{Latitude: 37.774929, Longitude: -122.419416}})
	send(conversation.Id, parley.SendMessageRequest{Type: "chess", Payload: map[string]string{"move": "e2e4"}})

	read, err := api.GetMessageWithResponse(ctx, conversation.Id, *first.Id, nil)
	check(err)
	fmt.Println(read.JSON200.From, read.JSON200.Attributes["mood"])

	// The history, newest page first; within a page the oldest message is first.
	var history []parley.Message
	query := parley.ListMessagesParams{Limit: new(2)}
	for {
		page, err := api.ListMessagesWithResponse(ctx, conversation.Id, &query)
		check(err)
		history = slices.Concat(page.JSON200.Messages, history)
		if page.JSON200.Next == nil {
			break
		}
		query.Before = page.JSON200.Next
	}
	for _, message := range history {
		switch message.Type {
		case "text":
			fmt.Println(message.Type, *message.Text)
		case "location":
			fmt.Println(message.Type, message.Location.Latitude)
		default:
			fmt.Println(message.Type, message.Payload.(map[string]any)["move"])
		}
	}

	// An error is a Problem; its code is a word to branch on.
	problem := send("nowhere", parley.SendMessageRequest{Type: "text", Text: new("Anybody?")}).ApplicationproblemJSON404
	fmt.Println(problem.Status, problem.Code)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
