SELECT 1

SELECT * FROM users

select id from USERS

SELECT count(*) FROM users

SELECT users.* FROM users

SELECT main.users.id FROM main.users

SELECT logs FROM users

SELECT users, logs.users FROM logs

SELECT logs.id FROM users AS logs

SELECT logs.id FROM users logs

SELECT users.id FROM users AS users

SELECT id AS logs, name teams FROM users

SELECT id AS 'logs', name AS "teams" FROM users

SELECT "logs" FROM users

SELECT [logs], `team_id` FROM users

SELECT 'logs' FROM users

SELECT 'it''s FROM logs' FROM users

SELECT "no such column FROM logs" FROM users

SELECT * FROM "users"

SELECT * FROM [users]

SELECT * FROM `users`

SELECT * FROM 'users'

SELECT * FROM "USERS" AS "logs"

SELECT * FROM "main"."users"

SELECT * FROM [main].[users] AS [logs]

SELECT * FROM 'main'.'users' 'logs'

SELECT * FROM main . users

SELECT * FROM main/* . */./* x */users

SELECT * FROM "user stats"

SELECT "from" FROM "user stats" WHERE "from" > 1

SELECT "user stats"."from" FROM [user stats]

SELECT * FROM "Order" ORDER BY "select"

SELECT * FROM [order] AS o

SELECT * FROM `ORDER`

SELECT * FROM temp_key

SELECT replace, "share" FROM temp_key WHERE replace(replace, 'a', 'b') > 1

SELECT view FROM plan

SELECT * FROM plan p, temp_key AS key

SELECT * FROM "a.b"

SELECT * FROM main."a.b" AS "users.logs"

SELECT * FROM "it's"

SELECT * FROM 'it''s'

SELECT * FROM [it's] JOIN users

SELECT * FROM "say ""hi"""

SELECT * FROM größe

SELECT*FROM users WHERE(id)=1

SELECT id FROM(users)

SELECT(id)FROM"users"WHERE"id"=1

SELECT id FROM users -- , logs

SELECT users.id FROM users -- , logs
, teams

SELECT id /* FROM logs */ FROM users

SELECT id FROM /* logs, /* nested? */ users

SELECT 1 - -1, 2 --1 FROM logs
FROM users

SELECT id FROM users /* unclosed , logs

SELECT 2 * /* , */ id FROM users

SELECT 1.5, .5, 5., 1e5, 1.5e-3, 0xFF, 1.e+1 FROM users

SELECT x'00', X'ff' FROM users

SELECT ?, ?2, :from, @into, $join FROM users WHERE id = ?4

SELECT id FROM users LIMIT ? OFFSET ?

SELECT id FROM users LIMIT 1, 2

SELECT DISTINCT name FROM users

SELECT ALL name FROM users

SELECT count(DISTINCT name) FROM users

SELECT name IS DISTINCT FROM 'logs' FROM users

SELECT name IS NOT DISTINCT FROM team_id, id FROM users

SELECT * FROM users WHERE name IS DISTINCT FROM logs AND logs IS NOT DISTINCT FROM name

SELECT * FROM users JOIN logs ON users.logs IS NOT DISTINCT FROM logs.id

SELECT DISTINCT name IS DISTINCT FROM logs FROM users

SELECT CAST(logs AS TEXT), CAST((SELECT max(id) FROM teams) AS INT) FROM users

SELECT name COLLATE nocase FROM users

SELECT CASE logs WHEN 1 THEN 'logs' ELSE team_id END FROM users

SELECT CASE WHEN EXISTS (SELECT id FROM logs) THEN (SELECT id FROM teams) END FROM users

SELECT name LIKE 'logs' ESCAPE '\' FROM users

SELECT name GLOB 'FROM logs', name BETWEEN 'logs' AND 'teams' FROM users

SELECT name ->> '$.logs', name -> 'teams' FROM users

SELECT '\' FROM users

SELECT '\', 'FROM logs' FROM users

SELECT * FROM users, logs

SELECT * FROM users, logs, teams AS t, ids i WHERE t.id = i.id

SELECT * FROM users JOIN logs

SELECT * FROM users JOIN logs USING (id), teams

SELECT * FROM users u JOIN logs l ON u.id = l.user_id JOIN teams t ON t.id = u.team_id, ids

SELECT * FROM users INNER JOIN logs USING (id) LEFT OUTER JOIN teams USING (id)

SELECT users.id, teams.id FROM users NATURAL JOIN logs NATURAL LEFT JOIN teams

SELECT * FROM users RIGHT JOIN logs ON users.id = logs.users FULL OUTER JOIN teams ON 1

SELECT * FROM users CROSS JOIN logs

SELECT * FROM users LEFT JOIN (logs JOIN teams) ON users.id = logs.id

SELECT * FROM (users, logs)

SELECT * FROM ((users JOIN logs) JOIN (teams, ids))

SELECT * FROM (users JOIN (SELECT * FROM teams) t), ids

SELECT * FROM (((SELECT id FROM users)))

SELECT * FROM users INDEXED BY sqlite_autoindex_users_1 WHERE name = 'a'

SELECT * FROM users NOT INDEXED, logs

SELECT * FROM users AS u NOT INDEXED JOIN logs

SELECT * FROM (SELECT id FROM users) AS logs

SELECT * FROM (SELECT id FROM users) logs, teams

SELECT * FROM (SELECT id FROM users UNION SELECT id FROM logs), teams

SELECT (SELECT name FROM teams WHERE teams.id = users.team_id) FROM users

SELECT (SELECT (SELECT id FROM ids) FROM teams) FROM users

SELECT id, (SELECT count(id) FROM logs), name FROM users

SELECT * FROM users WHERE id IN (SELECT user_id FROM logs)

SELECT * FROM users WHERE (id, name) IN (SELECT id, event FROM logs)

SELECT * FROM users WHERE id IN ids

SELECT * FROM users WHERE id NOT IN main.ids AND name = 'logs'

SELECT * FROM users WHERE id IN "ids"

SELECT * FROM users WHERE id IN (1, logs, (SELECT id FROM teams))

SELECT * FROM users WHERE id IN ()

SELECT id IN ids, name FROM users

SELECT * FROM users WHERE EXISTS (SELECT 1 FROM logs WHERE logs.user_id = users.id)

SELECT * FROM users WHERE NOT EXISTS(SELECT * FROM logs)

SELECT * FROM users WHERE id > (SELECT avg(id) FROM logs) ORDER BY (SELECT id FROM teams)

SELECT team_id FROM users GROUP BY team_id, logs HAVING count(*) > (SELECT count(id) FROM teams)

SELECT team_id FROM users GROUP BY 1 ORDER BY team_id, logs DESC NULLS LAST LIMIT (SELECT id FROM ids)

SELECT sum(id) OVER (PARTITION BY logs ORDER BY name, team_id) FROM users

SELECT sum(id) OVER w FROM users WINDOW w AS (PARTITION BY logs), v AS (w ORDER BY name)

SELECT sum(id) FILTER (WHERE logs IN (SELECT id FROM teams)) FROM users

SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES), logs FROM users

SELECT group_concat(name ORDER BY logs, id) FROM users

SELECT id FROM users UNION SELECT id FROM logs

SELECT id FROM users UNION ALL SELECT id FROM logs UNION SELECT id FROM teams ORDER BY 1

SELECT id FROM users EXCEPT SELECT id FROM logs INTERSECT SELECT id FROM teams

SELECT id FROM users UNION VALUES (1), (2)

VALUES (1)

VALUES (1, 2), ((SELECT id FROM users), 4)

VALUES (1) UNION SELECT id FROM users

SELECT * FROM (VALUES (1, 2), (3, 4)), users

SELECT * FROM json_each('[1]'), users

SELECT * FROM users, json_each(users.name) AS logs

SELECT * FROM json_tree('{}') j JOIN users ON users.id = j.id

SELECT value FROM users JOIN json_each(users.name) WHERE value IN (SELECT id FROM teams)

WITH a AS (SELECT id FROM users) SELECT id FROM a

WITH logs AS (SELECT id FROM users) SELECT logs.id FROM logs

WITH "logs" AS (SELECT id FROM users) SELECT id FROM [LOGS] AS teams

WITH logs AS (SELECT id FROM users) SELECT logs.id, l.event FROM logs JOIN main.logs AS l

WITH a AS (SELECT id FROM users), b AS (SELECT id FROM a) SELECT a.id, b.id FROM a, b

WITH a AS (SELECT id FROM b), b AS (SELECT id FROM users) SELECT id FROM a

WITH logs AS (SELECT id FROM teams), teams AS (SELECT id FROM users) SELECT id FROM logs

WITH a (x, logs) AS (SELECT id, name FROM users) SELECT logs FROM a

WITH a(x) AS (VALUES (1), (2)) SELECT x, users.id FROM a, users

WITH a AS MATERIALIZED (SELECT id FROM users), b AS NOT MATERIALIZED (SELECT id FROM logs) SELECT a.id, b.id FROM a, b

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r

WITH r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r

WITH RECURSIVE tree (id, up) AS (
	SELECT id, team_id FROM users WHERE team_id IS NULL
	UNION ALL
	SELECT users.id, users.team_id FROM users JOIN tree ON users.team_id = tree.id ORDER BY 1, 2
) SELECT tree.id, up FROM tree, teams

WITH "recursive" AS (SELECT id FROM users) SELECT id FROM "recursive"

WITH a AS (WITH b AS (SELECT id FROM users) SELECT id FROM b) SELECT id FROM a

WITH a AS (WITH logs AS (SELECT id FROM users) SELECT id FROM logs) SELECT a.id, logs.id FROM a, logs

WITH logs AS (SELECT id FROM users) SELECT id FROM (WITH logs AS (SELECT id FROM teams) SELECT id FROM logs), (SELECT id AS x FROM logs)

SELECT id FROM (WITH logs AS (SELECT id FROM users) SELECT id FROM logs) UNION SELECT id FROM logs

SELECT (WITH a AS (SELECT id FROM teams) SELECT id FROM a), id FROM users

SELECT id FROM users WHERE id IN (WITH logs AS (SELECT id FROM teams) SELECT id FROM logs)

WITH a AS (SELECT id FROM users) SELECT id FROM logs WHERE id IN a AND id IN (SELECT id FROM a)

WITH a AS (VALUES (1)) SELECT column1 FROM a

INSERT INTO users (id, name) VALUES (1, 'logs')

INSERT INTO users VALUES (1, 'a', 2, 3), (2, 'b', 3, 4)

INSERT INTO users DEFAULT VALUES

INSERT INTO main.users AS logs (id) VALUES (1)

INSERT INTO "users" ("id", "logs") VALUES (?, ?) RETURNING "id", "logs"

INSERT INTO 'users' (id) VALUES (1)

INSERT INTO [user stats] VALUES (1, 2)

INSERT INTO plan (view) VALUES (1)

INSERT INTO users (id, name) SELECT id, event FROM logs

INSERT INTO users (id) SELECT logs.id FROM logs, ids JOIN teams USING (id)

INSERT INTO users (logs) VALUES ((SELECT max(id) FROM logs))

INSERT OR IGNORE INTO users (id) VALUES (1)

INSERT OR REPLACE INTO users (id) SELECT id FROM teams

INSERT OR ROLLBACK INTO users (id) VALUES (1)

REPLACE INTO users (id, name) VALUES (1, 2)

REPLACE INTO users SELECT id, 1, 2, 3 FROM logs

INSERT INTO users (id) VALUES (1) ON CONFLICT DO NOTHING

INSERT INTO users (id, name) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = excluded.name, logs = excluded.logs WHERE users.name IS DISTINCT FROM excluded.name

INSERT INTO users (id, name) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET (name, logs) = (SELECT name, id FROM teams) ON CONFLICT DO NOTHING

INSERT INTO users AS u (id, name) SELECT id, event FROM logs WHERE true ON CONFLICT (name) DO UPDATE SET logs = u.logs + 1, team_id = (SELECT id FROM teams) RETURNING id, logs

WITH a AS (SELECT id FROM logs) INSERT INTO users (id) SELECT id FROM a

WITH users AS (SELECT id FROM logs) INSERT INTO users (id) SELECT id FROM users

INSERT INTO users (id) WITH a AS (SELECT id FROM logs) SELECT id FROM a

UPDATE users SET name = 'logs'

UPDATE users SET name = 'a', logs = 2, team_id = logs WHERE id = 1

UPDATE main.users AS logs SET name = 'a' WHERE logs.id = 1

UPDATE "users" SET "name" = ?, "logs" = ? WHERE "users"."id" = ?

UPDATE OR IGNORE users SET name = 1

UPDATE OR REPLACE "Order" SET "select" = 1

UPDATE plan SET view = 1

UPDATE users SET (name, logs) = (SELECT event, id FROM logs)

UPDATE users SET logs = (SELECT count(id) FROM logs), name = 'a' WHERE team_id IN (SELECT id FROM teams)

UPDATE users SET name = logs.event FROM logs WHERE logs.user_id = users.id

UPDATE users AS logs SET name = users.event, team_id = 2 FROM logs AS users JOIN teams WHERE logs.id = users.id

UPDATE users SET name = x.id FROM (SELECT id FROM teams) AS x, ids WHERE users.id = x.id RETURNING name, logs

UPDATE users SET name = logs IS DISTINCT FROM team_id, logs = 1 WHERE name IS DISTINCT FROM logs

WITH a AS (SELECT id FROM logs) UPDATE users SET logs = (SELECT id FROM a)

WITH users AS (SELECT id FROM logs) UPDATE users SET logs = (SELECT id FROM users)

UPDATE users SET name = 1 RETURNING id, name, logs

DELETE FROM users

DELETE FROM users WHERE name = 'a' AND logs IS DISTINCT FROM 1

DELETE FROM main.users AS logs WHERE logs.id = 1

DELETE FROM "users" WHERE "users"."id" IN (SELECT "user_id" FROM "logs") RETURNING "id", "logs"

DELETE FROM users WHERE EXISTS (SELECT 1 FROM logs, teams WHERE logs.user_id = users.id)

DELETE FROM users INDEXED BY sqlite_autoindex_users_1 WHERE name = 'a'

WITH a AS (SELECT id FROM logs) DELETE FROM users WHERE id IN a

WITH users AS (SELECT id FROM logs) DELETE FROM users WHERE id IN (SELECT id FROM users)
