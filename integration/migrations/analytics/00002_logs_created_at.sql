-- +goose Up
ALTER TABLE logs ADD COLUMN created_at TIMESTAMP NULL;

-- +goose Down
ALTER TABLE logs DROP COLUMN created_at;
