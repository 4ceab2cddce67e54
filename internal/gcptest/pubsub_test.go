package gcptest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"google.golang.org/api/cloudscheduler/v1"
	"google.golang.org/api/iam/v1"
	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/internal/gcptest"
)

// endpoint is a function that events are delivered to.
type endpoint struct {
	url    string
	mu     sync.Mutex
	bodies []map[string]any
	heads  []http.Header
	status int
}

func newEndpoint(t *testing.T, status int) *endpoint {
	t.Helper()
	e := &endpoint{status: status}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		var body map[string]any
		_ = json.Unmarshal(data, &body)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.bodies, e.heads = append(e.bodies, body), append(e.heads, r.Header.Clone())
		w.WriteHeader(e.status)
	}))
	t.Cleanup(server.Close)
	e.url = server.URL + "/event"
	return e
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.bodies)
}

func newAccount(t *testing.T, c *clients, id string) string {
	t.Helper()
	return done(c.iam.Projects.ServiceAccounts.Create(project, &iam.CreateServiceAccountRequest{AccountId: id}).Do())(t).Email
}

func newTopic(t *testing.T, c *clients, name string) string {
	t.Helper()
	return done(c.pubsub.Projects.Topics.Create(project+"/topics/"+name, &pubsub.Topic{}).Do())(t).Name
}

func publish(t *testing.T, c *clients, topic, text string) {
	t.Helper()
	done(c.pubsub.Projects.Topics.Publish(topic, &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{{
		Data: base64.StdEncoding.EncodeToString([]byte(text)), Attributes: map[string]string{"kind": "test"},
	}}}).Do())(t)
}

func TestAPausedSubscriptionKeepsItsMessagesUntilItIsTurnedOn(t *testing.T) {
	c := connect(t, gcptest.New(t))
	topic, to, email := newTopic(t, c, "orders"), newEndpoint(t, 204), newAccount(t, c, "shop-dev-worker")
	name := project + "/subscriptions/orders"
	made := done(c.pubsub.Projects.Subscriptions.Create(name, &pubsub.Subscription{Topic: topic, AckDeadlineSeconds: 600}).Do())(t)
	if made.PushConfig.PushEndpoint != "" || made.State != "ACTIVE" {
		t.Errorf("it was made as %+v", made)
	}
	publish(t, c, topic, "hello")
	done(c.pubsub.Projects.Subscriptions.ModifyPushConfig(name, &pubsub.ModifyPushConfigRequest{PushConfig: &pubsub.PushConfig{
		PushEndpoint: to.url, OidcToken: &pubsub.OidcToken{ServiceAccountEmail: email, Audience: "a secret"},
	}}).Do())(t)
	soon(t, "the message is delivered", func() bool { return to.count() == 1 })
	message, _ := to.bodies[0]["message"].(map[string]any)
	if to.bodies[0]["subscription"] != name || message["data"] != "aGVsbG8=" || message["messageId"] == "" || message["publishTime"] == nil {
		t.Errorf("delivered %v", to.bodies[0])
	}
	token, _ := strings.CutPrefix(to.heads[0].Get("Authorization"), "Bearer ")
	claims := done(base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1]))(t)
	if !strings.Contains(string(claims), `"aud":"a secret"`) || !strings.Contains(string(claims), `"email":"`+email+`"`) {
		t.Errorf("the token says %s", claims)
	}
	done(c.pubsub.Projects.Subscriptions.ModifyPushConfig(name, &pubsub.ModifyPushConfigRequest{PushConfig: &pubsub.PushConfig{}}).Do())(t)
	publish(t, c, topic, "later")
	waiting := done(c.pubsub.Projects.Subscriptions.Pull(name, &pubsub.PullRequest{MaxMessages: 10}).Do())(t)
	if len(waiting.ReceivedMessages) != 1 || to.count() != 1 {
		t.Errorf("%d wait, %d were delivered", len(waiting.ReceivedMessages), to.count())
	}
}

func TestWhatFailsOftenGoesToTheDeadLetterTopicOnlyWithTheRights(t *testing.T) {
	c := connect(t, gcptest.New(t))
	topic, dead, to := newTopic(t, c, "orders"), newTopic(t, c, "orders-dead"), newEndpoint(t, 500)
	name, kept := project+"/subscriptions/orders", project+"/subscriptions/orders-dead"
	done(c.pubsub.Projects.Subscriptions.Create(kept, &pubsub.Subscription{Topic: dead}).Do())(t)
	done(c.pubsub.Projects.Subscriptions.Create(name, &pubsub.Subscription{
		Topic: topic, PushConfig: &pubsub.PushConfig{PushEndpoint: to.url}, RetryPolicy: &pubsub.RetryPolicy{MinimumBackoff: "1s", MaximumBackoff: "1s"},
		DeadLetterPolicy: &pubsub.DeadLetterPolicy{DeadLetterTopic: dead, MaxDeliveryAttempts: 5},
	}).Do())(t)
	publish(t, c, topic, "poison")
	soon(t, "it is tried again beyond the attempts, for the rights are missing", func() bool { return to.count() > 6 })
	agent := "serviceAccount:service-" + gcptest.Number + "@gcp-sa-pubsub.iam.gserviceaccount.com"
	grant := func(role string) *pubsub.SetIamPolicyRequest {
		return &pubsub.SetIamPolicyRequest{Policy: &pubsub.Policy{Bindings: []*pubsub.Binding{{Role: role, Members: []string{agent}}}}}
	}
	done(c.pubsub.Projects.Topics.SetIamPolicy(dead, grant("roles/pubsub.publisher")).Do())(t)
	done(c.pubsub.Projects.Subscriptions.SetIamPolicy(name, grant("roles/pubsub.subscriber")).Do())(t)
	var moved []*pubsub.ReceivedMessage
	soon(t, "it is in the dead letter subscription", func() bool {
		moved = done(c.pubsub.Projects.Subscriptions.Pull(kept, &pubsub.PullRequest{MaxMessages: 10}).Do())(t).ReceivedMessages
		return len(moved) == 1
	})
	if moved[0].Message.Attributes["CloudPubSubDeadLetterSourceSubscription"] != "orders" || to.bodies[0]["deliveryAttempt"] != 1.0 {
		t.Errorf("moved with %v; the first attempt said %v", moved[0].Message.Attributes, to.bodies[0]["deliveryAttempt"])
	}
}

func TestASubscriptionIsRefusedWhatItCannotHave(t *testing.T) {
	c := connect(t, gcptest.New(t))
	topic := newTopic(t, c, "orders")
	name := project + "/subscriptions/orders"
	for _, try := range []struct {
		s       pubsub.Subscription
		code    int
		message string
	}{
		{pubsub.Subscription{Topic: project + "/topics/none"}, 404, "Resource not found (resource=none)."},
		{pubsub.Subscription{Topic: topic, AckDeadlineSeconds: 601}, 400, "Invalid ack deadline given to the service (ack_deadline_seconds=601). Must be between 10 and 600 seconds inclusive."},
		{pubsub.Subscription{Topic: topic, DeadLetterPolicy: &pubsub.DeadLetterPolicy{DeadLetterTopic: topic, MaxDeliveryAttempts: 3}}, 400, "The value for max_delivery_attempts is too small. You passed 3 in the request, but the minimum value is 5."},
		{pubsub.Subscription{Topic: topic, RetryPolicy: &pubsub.RetryPolicy{MinimumBackoff: "20s", MaximumBackoff: "10s"}}, 400, "The value for maximum_backoff is too small. You passed 10s in the request, but the minimum value is 20s."},
		{pubsub.Subscription{Topic: topic, PushConfig: &pubsub.PushConfig{PushEndpoint: "https://x.example/", OidcToken: &pubsub.OidcToken{ServiceAccountEmail: "none@" + gcptest.Project + ".iam.gserviceaccount.com"}}}, 403, "User not authorized to perform this action."},
	} {
		_, err := c.pubsub.Projects.Subscriptions.Create(name, &try.s).Do()
		turnedDown(t, err, try.code, try.message)
	}
	done(c.pubsub.Projects.Subscriptions.Create(name, &pubsub.Subscription{Topic: topic}).Do())(t)
	update := func(mask string) error {
		_, err := c.pubsub.Projects.Subscriptions.Patch(name, &pubsub.UpdateSubscriptionRequest{Subscription: &pubsub.Subscription{AckDeadlineSeconds: 30}, UpdateMask: mask}).Do()
		return err
	}
	turnedDown(t, update(""), 400, "The update_mask in the UpdateSubscriptionRequest must be set, and must contain a non-empty paths list.")
	turnedDown(t, update("topic"), 400, "Invalid update_mask provided in the UpdateSubscriptionRequest: the topic field in the Subscription is not mutable.")
	turnedDown(t, update("nonsense"), 400, "Invalid update_mask provided in the UpdateSubscriptionRequest: nonsense is not a known Subscription field. "+
		"Note that field paths must be of the form 'push_config' rather than 'pushConfig'.")
	if err := update("ackDeadlineSeconds"); err != nil {
		t.Error(err)
	}
}

func TestABucketTellsATopicOfItsObjects(t *testing.T) {
	c := connect(t, gcptest.New(t))
	newBucket(t, c, "uploads")
	topic, to := newTopic(t, c, "ferry-uploads"), newEndpoint(t, 200)
	done(c.pubsub.Projects.Subscriptions.Create(project+"/subscriptions/ferry-uploads", &pubsub.Subscription{
		Topic: topic, PushConfig: &pubsub.PushConfig{PushEndpoint: to.url}, Filter: "NOT attributes:overwrittenByGeneration",
	}).Do())(t)
	n := &storage.Notification{Topic: "//pubsub.googleapis.com/" + topic, PayloadFormat: "JSON_API_V1", EventTypes: []string{"OBJECT_FINALIZE", "OBJECT_DELETE"}, ObjectNamePrefix: "raw/"}
	_, err := c.storage.Notifications.Insert("uploads", n).Do()
	agent := done(c.storage.Projects.ServiceAccount.Get(gcptest.Project).Do())(t).EmailAddress
	turnedDown(t, err, 400, "The service account '"+agent+"' does not have permission to publish messages to to the Cloud Pub/Sub topic '//pubsub.googleapis.com/"+topic+"', or that topic does not exist.")
	done(c.pubsub.Projects.Topics.SetIamPolicy(topic, &pubsub.SetIamPolicyRequest{Policy: &pubsub.Policy{
		Bindings: []*pubsub.Binding{{Role: "roles/pubsub.publisher", Members: []string{"serviceAccount:" + agent}}},
	}}).Do())(t)
	done(c.storage.Notifications.Insert("uploads", n).Do())(t)
	put(t, c, "uploads", "other", "x")
	put(t, c, "uploads", "raw/a", "1")
	put(t, c, "uploads", "raw/a", "2")
	soon(t, "both writes are told of", func() bool { return to.count() == 2 })
	message, _ := to.bodies[0]["message"].(map[string]any)
	attributes, _ := message["attributes"].(map[string]any)
	if attributes["eventType"] != "OBJECT_FINALIZE" || attributes["objectId"] != "raw/a" || attributes["bucketId"] != "uploads" {
		t.Errorf("told %v", attributes)
	}
}

func TestAJobCallsItsTargetAsTheAccount(t *testing.T) {
	c := connect(t, gcptest.New(t))
	to, email := newEndpoint(t, 500), newAccount(t, c, "shop-dev-worker")
	jobs := c.scheduler.Projects.Locations.Jobs
	job := &cloudscheduler.Job{
		Name: location + "/jobs/nightly", Schedule: "0 3 * * *", TimeZone: "Europe/Berlin", AttemptDeadline: "1800s", RetryConfig: &cloudscheduler.RetryConfig{RetryCount: 1, MinBackoffDuration: "1s"},
		HttpTarget: &cloudscheduler.HttpTarget{Uri: to.url, HttpMethod: "POST", Body: base64.StdEncoding.EncodeToString([]byte(`{"a":1}`)), OidcToken: &cloudscheduler.OidcToken{ServiceAccountEmail: email}},
	}
	for field, bad := range map[string]cloudscheduler.Job{
		"schedule": {Schedule: "0 3 * *"}, "zone": {Schedule: "0 3 * * *", TimeZone: "Europe/Nowhere"},
	} {
		bad.Name, bad.HttpTarget = job.Name, job.HttpTarget
		_, err := jobs.Create(location, &bad).Do()
		t.Log(field)
		turnedDown(t, err, 400, "Schedule or time zone is invalid.")
	}
	done(jobs.Create(location, job).Do())(t)
	_, err := jobs.Create(location, job).Do()
	turnedDown(t, err, 409, "Job "+job.Name+" already exists.")
	done(jobs.Run(job.Name, &cloudscheduler.RunJobRequest{}).Do())(t)
	soon(t, "it is called, and once more", func() bool { return to.count() == 2 })
	soon(t, "the failure is in the job", func() bool { s := done(jobs.Get(job.Name).Do())(t).Status; return s != nil && s.Code == 13 })
	if head := to.heads[0]; head.Get("X-CloudScheduler-JobName") != "nightly" || !strings.HasPrefix(head.Get("Authorization"), "Bearer ") {
		t.Errorf("called with %v", head)
	}
	if paused := done(jobs.Pause(job.Name, &cloudscheduler.PauseJobRequest{}).Do())(t); paused.State != "PAUSED" {
		t.Errorf("it is %s", paused.State)
	}
	changed := done(jobs.Patch(job.Name, &cloudscheduler.Job{Schedule: "5 3 * * *"}).UpdateMask("schedule").Do())(t)
	if changed.Schedule != "5 3 * * *" || changed.TimeZone != "Europe/Berlin" || changed.State != "PAUSED" {
		t.Errorf("it became %+v", changed)
	}
}
