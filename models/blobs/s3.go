package blobs

import (
	"context"
	"errors"
	"io"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// s3Writer stores a blob with one PutObject, whose bytes come from a file: there all at once or not at all, and nothing
// of it in memory. gocloud.dev/blob would hold up to 16 MB of each, and leave parts behind when it dies.
type s3Writer struct {
	client     *s3.Client
	bucket     string
	encryption types.ServerSideEncryption
	kmsKey     string
}

// openS3 opens s3://bucket with the parameters of gocloud.dev/blob/s3blob. User and password, where the URL has them,
// are the access key and its secret; otherwise they come as AWS's tools find them, from AWS_ACCESS_KEY_ID and so on.
func openS3(ctx context.Context, rawURL string) (*Store, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return nil, errors.New("must be s3://bucket, with parameters such as region, endpoint and use_path_style")
	}
	account := u.User
	u.User = nil // an error may repeat the URL
	bucket, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, err
	}
	w := &s3Writer{bucket: u.Host, encryption: types.ServerSideEncryption(u.Query().Get("ssetype")), kmsKey: u.Query().Get("kmskeyid")}
	if !bucket.As(&w.client) {
		return nil, errors.Join(errors.New("the bucket has no S3 client"), bucket.Close())
	}
	secret, given := account.Password()
	if !given {
		return &Store{bucket: bucket, s3: w}, nil
	}
	options := w.client.Options()
	options.Credentials = aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(account.Username(), secret, ""))
	w.client = s3.New(options)
	if err := bucket.Close(); err != nil {
		return nil, err
	}
	if bucket, err = s3blob.OpenBucket(ctx, w.client, u.Host, nil); err != nil { // it reads, lists and deletes
		return nil, err
	}
	return &Store{bucket: bucket, s3: w}, nil
}

func (w *s3Writer) put(ctx context.Context, key, mimeType string, body io.ReadSeeker, size int64) error {
	input := &s3.PutObjectInput{Bucket: &w.bucket, Key: &key, Body: body, ContentLength: &size, ContentType: &mimeType,
		ServerSideEncryption: w.encryption}
	if w.kmsKey != "" {
		input.SSEKMSKeyId = &w.kmsKey
	}
	_, err := w.client.PutObject(ctx, input)
	return err
}
