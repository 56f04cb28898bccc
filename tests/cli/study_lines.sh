# The study's line on its pictures' stand-ins; examples/study/reference.py computes the same lines with Paddle.
ln -s "$(dirname "$0")/../../examples/study/pictures" pictures
for feature in logits pooled; do
    for side in test trainval; do
        likeness extract model.safetensors pictures/$side.txt --feature $feature -o $feature.$side.npy 2>/dev/null
    done
    show likeness eval --gallery-features $feature.trainval.npy --gallery-labels pictures/trainval.txt $feature.test.npy \
        --labels pictures/test.txt --protocol study 2>/dev/null
done
